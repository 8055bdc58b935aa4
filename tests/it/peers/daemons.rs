//! collectd and syslog-ng, which stay connected.

use super::*;

#[test]
fn collectd_sends_batches() {
    let plugins = ["/usr/lib/collectd", "/usr/lib64/collectd"].map(|folder| Path::new(folder).join("write_riemann.so"));
    let collectd = program("collectd").filter(|_| plugins.iter().any(|plugin| plugin.exists()));
    if !is_there("collectd with write_riemann", collectd.as_ref()) {
        return;
    }
    let service = "load/load/shortterm";
    // The load of a machine is not known, but it is no more than this.
    let thresholds = thresholds(&[service]).replace(":<= 100", ":> 1000000");
    let daemon = Daemon::start(&thresholds, &[]);
    let [host, port] = host_and_port(daemon.tcp);
    let folder = &daemon.folder.join("collectd");
    fs::create_dir_all(folder).expect("the folder takes folders");
    let config = format!(
        r#"
        Hostname "web-1"
        Interval 1
        BaseDir "{0}"
        PIDFile "{0}/pid"
        TypesDB "/usr/share/collectd/types.db"
        LoadPlugin load
        LoadPlugin write_riemann
        <Plugin write_riemann>
          <Node "highwater">
            Host "{host}"
            Port "{port}"
            Protocol TCP
            Batch true
            BatchFlushTimeout 1
          </Node>
          Tag "collectd"
          Attribute "status-code" "200"
        </Plugin>
        "#,
        folder.display()
    );
    fs::write(folder.join("conf"), config).expect("the folder takes files");
    let mut command = Command::new(collectd.expect("it is there"));
    command.args(["-f", "-C"]).arg(folder.join("conf"));
    let mut running = None;
    changes_status(&daemon, &[(service, None)], || running = Some(Running::start(&mut command)));
}

#[test]
fn syslog_ng_sends() {
    let has_riemann = |syslog_ng: &PathBuf| ran(Command::new(syslog_ng).arg("-V"), b"").1.contains("riemann");
    let syslog_ng = program("syslog-ng").filter(has_riemann);
    if !is_there("syslog-ng with its riemann module", syslog_ng.as_ref()) {
        return;
    }
    let daemon = Daemon::start(&thresholds(&["checkout"]), &[]);
    let [host, port] = host_and_port(daemon.tcp);
    let folder = &daemon.folder.join("syslog-ng");
    fs::create_dir_all(folder).expect("the folder takes folders");
    let config = format!(
        r#"@version: current
source s {{ stdin(flags(no-parse)); }};
destination d {{
  riemann(server("{host}") port({port}) type("tcp") service("checkout") host("web-1")
          metric(int64("${{MSG}}")) event-time("$(* $UNIXTIME 1000000)" microseconds)
          attributes(pair("status-code" "200")));
}};
log {{ source(s); destination(d); }};
"#
    );
    fs::write(folder.join("conf"), config).expect("the folder takes files");
    let of = |option: &str, file: &str| format!("{option}={}", folder.join(file).display());
    let mut running =
        Running::start(Command::new(syslog_ng.expect("it is there")).args(["-F", "--no-caps", "--stderr"]).args([
            of("--cfgfile", "conf"),
            of("--persist-file", "persist"),
            of("--control", "control"),
            of("--pidfile", "pid"),
        ]));
    changes_status(&daemon, &[("checkout", Some(143.0))], || {
        let written = running.0.stdin.as_mut().expect("a pipe").write_all(b"143\n");
        assert!(written.is_ok(), "it ended: {}", running.said());
    });
}

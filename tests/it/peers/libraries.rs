//! Clients for Ruby, Python and JavaScript.

use super::*;

fn ruby() -> Option<PathBuf> {
    let found = |ruby: &PathBuf| ran(Command::new(ruby).args(["-e", "require 'riemann/client'"]), b"").0;
    program("ruby").filter(found)
}

fn in_ruby(port: u16, script: &str) -> Command {
    let connect = format!("c = Riemann::Client.new(host: '127.0.0.1', port: {port}, timeout: 10)");
    let event = "event = {service: 'tcp', host: 'web-1', metric: 143, 'status-code' => '200', tags: ['a']}";
    let mut command = Command::new("ruby");
    command.args(["-e", &["require 'riemann/client'", &connect, event, script].join("\n")]);
    command
}

#[test]
fn the_ruby_client_sends_over_tcp_and_udp() {
    if !is_there("ruby-riemann-client", ruby()) {
        return;
    }
    let (daemon, port) = on_one_port(&thresholds(&["tcp", "udp"]));
    changes_status(&daemon, &[("tcp", Some(143.0)), ("udp", Some(143.25))], || {
        // What is small goes over UDP unless it is said otherwise.
        content(&mut in_ruby(port, "c.tcp << event; c << event.merge(service: 'udp', metric: 143.25)"));
    });
}

#[test]
fn the_ruby_client_shows_that_queries_are_not_supported() {
    if !is_there("ruby-riemann-client", ruby()) {
        return;
    }
    let (_daemon, port) = on_one_port(&thresholds(&["checkout"]));
    let (success, said) = ran(&mut in_ruby(port, "c['true']"), b"");
    assert!(!success && said.contains(NO_QUERIES) && said.contains("ServerError"), "{said}");
}

/// The command of the Python package; `arguments` follow host and port.
fn python_client(address: Option<SocketAddr>, arguments: &[&str]) -> Command {
    let [host, port] = host_and_port(address);
    let mut command = Command::new(installed("python/bin/riemann-client"));
    command.env("PYTHONPATH", installed("python")).args(["-H", &host, "-P", &port]).args(arguments);
    command
}

#[test]
fn the_python_client_sends_over_tcp_and_udp_and_its_library_whole_numbers() {
    if !is_there("riemann-client of PyPI", Some(installed("python/bin/riemann-client"))) {
        return;
    }
    let daemon = Daemon::start(&thresholds(&["tcp", "udp", "library"]), &[]);
    let [host, port] = host_and_port(daemon.tcp);
    let script = format!(
        "from riemann_client.client import QueuedClient\n\
         from riemann_client.transport import TCPTransport\n\
         with QueuedClient(TCPTransport('{host}', {port})) as client:\n    \
             for _ in range(5):\n        \
                 client.event(service='library', metric_sint64=143, attributes={{'status-code': '200'}})\n    \
             client.flush()\n"
    );
    changes_status(&daemon, &[("tcp", Some(143.1)), ("udp", Some(143.0)), ("library", Some(143.0))], || {
        for (transport, address, metric) in [("tcp", daemon.tcp, "143.1"), ("udp", daemon.udp, "143")] {
            let send = ["-T", transport, "send", "-s", transport, "-m", metric, "-a", "status-code=200"];
            content(&mut python_client(address, &send));
        }
        content(Command::new("python3").env("PYTHONPATH", installed("python")).args(["-c", &script]));
    });
}

#[test]
fn the_python_client_shows_that_queries_are_not_supported() {
    if !is_there("riemann-client of PyPI", Some(installed("python/bin/riemann-client"))) {
        return;
    }
    let daemon = Daemon::start(&thresholds(&["checkout"]), &[]);
    let (success, said) = ran(&mut python_client(daemon.tcp, &["query", "true"]), b"");
    assert!(!success && said.contains(NO_QUERIES), "{said}");
}

/// Connects, then runs the script, which has a client `c`, `event(service)`, and ends with `done()`.
fn in_node(port: u16, script: &str) -> Command {
    let script = format!(
        "const c = require('riemann').createClient({{host: '127.0.0.1', port: {port}}}, () => {{
           const event = (service) => c.Event({{service, host: 'web-1', metric: 143,
                                                attributes: [{{key: 'status-code', value: '200'}}]}});
           const done = () => c.disconnect();
           {script}
         }});
         c.on('error', (error) => {{ console.error(error); process.exit(1); }});"
    );
    let mut command = Command::new("node");
    command.env("NODE_PATH", installed("node/node_modules")).args(["-e", &script]);
    command
}

#[test]
fn the_node_client_sends_over_udp_and_tcp() {
    if !is_there("riemann of npm", program("node").map(|_| installed("node/node_modules/riemann"))) {
        return;
    }
    let (daemon, port) = on_one_port(&thresholds(&["udp", "tcp"]));
    let script = "c.on('sent', () => c.send(event('tcp'), c.tcp));
                  c.on('data', (ack) => { if (!ack.ok) process.exit(1); done(); });
                  c.send(event('udp'));";
    changes_status(&daemon, &[("udp", Some(143.0)), ("tcp", Some(143.0))], || {
        drop(content(&mut in_node(port, script)))
    });
}

#[test]
fn the_node_client_shows_that_queries_are_not_supported() {
    if !is_there("riemann of npm", program("node").map(|_| installed("node/node_modules/riemann"))) {
        return;
    }
    let (_daemon, port) = on_one_port(&thresholds(&["checkout"]));
    let script = "c.on('data', (answer) => { console.log(answer.ok, answer.error); done(); });
                  c.send(c.Query({string: 'true'}), c.tcp);";
    let said = content(&mut in_node(port, script));
    assert!(said.contains(&format!("false {NO_QUERIES}")), "{said}");
}

//! A real nginx writes under load while a real logrotate rotates, and runs of the loader, some of them killed, take
//! each request once.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;

/// A folder with a server that logs each request, and what rotates its log.
struct Site {
    folder: PathBuf,
    server: Running,
}

impl Site {
    fn start(name: &str, rotation: &str) -> Site {
        let folder = env::temp_dir().join(format!("highwater-site-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        let at = folder.display();
        let conf = format!(
            "daemon off; master_process off; pid {at}/pid; error_log {at}/error.log;\n\
             events {{ worker_connections 64; }}\n\
             http {{ access_log {at}/access.log combined; keepalive_requests 1000000;\n\
             client_body_temp_path {at}/t1; proxy_temp_path {at}/t2; fastcgi_temp_path {at}/t3; uwsgi_temp_path {at}/t4;\n\
             scgi_temp_path {at}/t5;\n\
             server {{ listen unix:{at}/socket; location / {{ return 200 ok; }} }} }}\n"
        );
        fs::write(folder.join("nginx.conf"), conf).expect("a file");
        // The server opens its log anew some time after the signal. What it writes meanwhile into a file that is being
        // packed is in no file any more, whoever reads: so it is waited for.
        let rotate = format!(
            "{at}/access.log {{ rotate 100\n missingok\n {rotation}\n postrotate\n kill -USR1 $(cat {at}/pid)\n\
             while readlink /proc/$(cat {at}/pid)/fd/* | grep -q '/access.log[.-]'; do sleep 0.001; done\n endscript }}\n"
        );
        fs::write(folder.join("rotate.conf"), rotate).expect("a file");
        // logrotate refuses what others may write to.
        let mode = std::os::unix::fs::PermissionsExt::from_mode;
        fs::set_permissions(folder.join("rotate.conf"), mode(0o600)).expect("our file");
        fs::set_permissions(&folder, mode(0o755)).expect("our folder");
        let pipelines = format!(
            "{{:pipelines {{:requests {{:files [\"{at}/access.log\"] :format :nginx :interval 1 :record {{:path :path}}\n\
             :to {{:type :file :path \"{at}/points\"}}}}}}}}\n"
        );
        fs::write(folder.join("pipelines.edn"), pipelines).expect("a file");
        let server = Running::start(Command::new(program("nginx").expect("it is there")).args([
            "-p",
            &at.to_string(),
            "-e",
            &format!("{at}/error.log"),
            "-c",
            &format!("{at}/nginx.conf"),
        ]));
        let deadline = Instant::now() + PATIENCE;
        while UnixStream::connect(folder.join("socket")).is_err() {
            assert!(Instant::now() < deadline, "nginx does not listen");
            thread::sleep(Duration::from_millis(5));
        }
        Site { folder, server }
    }

    fn rotate(&self) {
        let mut command = Command::new(program("logrotate").expect("it is there"));
        command.args(["-f", "-s"]).arg(self.folder.join("rotate.state")).arg(self.folder.join("rotate.conf"));
        let (success, said) = ran(&mut command, b"");
        // Names by the second do not do for two rotations in one.
        assert!(success || said.contains("already exists, skipping rotation"), "{said}");
    }

    fn load(&self) -> Command {
        let mut command = Command::new(crate::daemon::binary());
        command.arg("load").arg(self.folder.join("pipelines.edn"));
        command.arg("--checkpoint").arg(self.folder.join("checkpoints"));
        command
    }

    /// How often each path was counted; the last value of a point counts.
    fn counted(&self) -> BTreeMap<u64, u64> {
        let mut points = HashMap::new();
        for line in fs::read_to_string(self.folder.join("points")).expect("points").lines() {
            let [series, count, time] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
            let path = series.split("path=/").nth(1).expect("a path");
            let count: u64 = count.trim_start_matches("count=").trim_end_matches('i').parse().expect("a count");
            points.insert((path.parse::<u64>().expect("a number"), time.to_string()), count);
        }
        let mut counted = BTreeMap::new();
        for ((path, _), count) in points {
            *counted.entry(path).or_insert(0) += count;
        }
        counted
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.server.0.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Asks for one path after the other until it is stopped, all on one connection. How many.
fn visit(socket: &Path, next: &AtomicU64, stop: &AtomicBool) {
    let stream = UnixStream::connect(socket).expect("the server listens");
    let mut answers = BufReader::new(stream.try_clone().expect("a stream"));
    let mut stream = stream;
    while !stop.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        write!(stream, "GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n").expect("it reads");
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            answers.read_line(&mut line).expect("an answer");
        }
        // As fast as it can be would be more than a hundred thousand different records a second.
        thread::sleep(Duration::from_micros(50));
        let mut body = [0; 2];
        answers.read_exact(&mut body).expect("a body");
    }
}

/// Rotates a number of times under load, with runs in between, each second one killed somewhere. What was asked for, and
/// how often each was counted; and whether a truncation was reported.
fn under_load(name: &str, rotation: &str) -> (u64, BTreeMap<u64, u64>, bool) {
    let site = Site::start(name, rotation);
    let (next, stop) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let visitors: Vec<_> = (0..2)
        .map(|_| {
            let (socket, next, stop) = (site.folder.join("socket"), next.clone(), stop.clone());
            thread::spawn(move || visit(&socket, &next, &stop))
        })
        .collect();
    let mut said = String::new();
    for round in 0..24u64 {
        let until = next.load(Ordering::Relaxed) + 300;
        while next.load(Ordering::Relaxed) < until {
            thread::sleep(Duration::from_millis(1));
        }
        if round % 3 == 2 {
            site.rotate();
        }
        if round % 2 == 1 {
            let run = Running::start(&mut site.load());
            // Somewhere in what takes some milliseconds.
            thread::sleep(Duration::from_micros(700 * (round % 11)));
            drop(run);
        } else {
            said += &content(&mut site.load());
        }
    }
    stop.store(true, Ordering::Relaxed);
    visitors.into_iter().for_each(|visitor| visitor.join().expect("a visitor"));
    said += &content(&mut site.load());
    (next.load(Ordering::Relaxed), site.counted(), said.contains("was truncated"))
}

fn is_there_all() -> bool {
    is_there("nginx", program("nginx")) && is_there("logrotate", program("logrotate"))
}

#[test]
fn each_request_is_counted_once_while_logrotate_renames_and_packs() {
    if !is_there_all() {
        return;
    }
    for (name, rotation) in [
        ("create", "create"),
        ("compress", "create\n compress"),
        ("delay", "create\n compress\n delaycompress"),
        ("dated", "create\n dateext\n dateformat -%Y%m%d-%s"),
    ] {
        let (asked, counted, _) = under_load(name, rotation);
        let wrong: Vec<u64> = (0..asked).filter(|number| counted.get(number) != Some(&1)).collect();
        assert_eq!(counted.len() as u64, asked, "{name}");
        assert!(wrong.is_empty(), "{name}: of {asked}: {} {:?}", wrong.len(), wrong.first());
    }
}

#[test]
fn copytruncate_loses_at_most_what_was_written_between_copy_and_truncation_and_it_is_said() {
    if !is_there_all() {
        return;
    }
    let (asked, counted, is_said) = under_load("copytruncate", "copytruncate");
    let doubled: Vec<_> = counted.iter().filter(|(_, count)| **count != 1).collect();
    assert!(doubled.is_empty(), "{doubled:?}");
    assert!(is_said, "a run reports that it saw a truncation");
    // Eight rotations, each with the few requests of some milliseconds.
    let lost = asked - counted.len() as u64;
    assert!(lost <= asked / 4, "{lost} of {asked} lost");
}

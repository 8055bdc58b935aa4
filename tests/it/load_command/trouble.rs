//! Files and checkpoints that are not as they should be.

use std::fs;

use super::desk::{Desk, Points, Ran, lines};

#[test]
fn a_file_that_cannot_be_read_stops_no_other() {
    let desk = Desk::new("unreadable");
    desk.configure(":files [\"a.log\" \"loop.log\" \"folder\" \"z.log\"] :record {}");
    std::os::unix::fs::symlink("loop.log", desk.path("loop.log")).expect("a link");
    fs::create_dir(desk.path("folder")).expect("writable");
    desk.write("a.log", lines(0..5, "/a"));
    desk.write("z.log", lines(0..7, "/z"));
    let Ran { code, out, err } = desk.load(&[]);
    assert_eq!((code, Points::of(&out).sum("count")), (2, 12.0));
    assert!(err.contains("highwater: web: loop.log: Too many levels of symbolic links\n"), "{err}");
    assert!(err.contains("highwater: web: folder: is a folder: name the files in it, as `folder/*.log`\n"), "{err}");
    assert_eq!(err.lines().count(), 2);
    let again = desk.load(&[]);
    assert_eq!((again.code, again.out.as_str()), (2, ""), "as long as it is so");
}

#[test]
fn a_damaged_checkpoint_is_set_aside_and_all_is_read_anew() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, Damage); 5] = [
        ("cut", |bytes| bytes.truncate(bytes.len() - 1)),
        ("flipped", |bytes| *bytes.last_mut().expect("some") ^= 1),
        ("longer", |bytes| bytes.push(0)),
        ("other", |bytes| *bytes = b"something else altogether, which is no checkpoint".to_vec()),
        ("empty", Vec::clear),
    ];
    for (name, damage) in damages {
        let desk = Desk::new(&format!("damaged-{name}"));
        desk.configure("");
        let mut points = Points::default();
        desk.write("access.log", lines(0..100, "/a"));
        desk.tick(&mut points);
        let path = desk.path("state/web.checkpoint");
        for times in 1..3 {
            let mut bytes = fs::read(&path).expect("there");
            damage(&mut bytes);
            fs::write(&path, &bytes).expect("writable");
            let dry = desk.load(&["--dry-run"]);
            assert!(
                dry.code == 1 && dry.err.contains("is damaged") && !dry.err.contains("was set aside"),
                "{}",
                dry.err
            );
            assert_eq!(fs::read(&path).expect("there"), bytes);
            desk.append("access.log", &lines(100..110, "/a"));
            let Ran { code, out, err } = desk.load(&[]);
            assert_eq!(code, 1, "{name}");
            assert!(
                err.contains("state/web.checkpoint: is damaged, and was set aside as state/web.checkpoint.bad"),
                "{err}"
            );
            points.take(&out);
            assert_eq!(points.sum("count"), f64::from(100 + 10 * times), "{name}");
            let aside = desk.names("state").into_iter().filter(|name| name.contains("bad")).count();
            assert_eq!(aside, times as usize, "each is kept");
        }
        let fine = desk.load(&[]);
        assert_eq!((fine.code, fine.out.as_str(), fine.err.as_str()), (0, "", ""));
    }
}

#[test]
fn a_checkpoint_of_a_later_version_is_left_as_it_is() {
    let desk = Desk::new("later");
    desk.configure("");
    desk.write("access.log", lines(0..10, "/a"));
    desk.load(&[]);
    let path = desk.path("state/web.checkpoint");
    let mut bytes = fs::read(&path).expect("there");
    bytes[15] += 1;
    fs::write(&path, &bytes).expect("writable");
    desk.append("access.log", &lines(10..20, "/a"));
    for arguments in [&[][..], &["--dry-run"]] {
        let Ran { code, out, err } = desk.load(arguments);
        assert_eq!((code, out.as_str()), (2, ""));
        assert!(
            err.contains("state/web.checkpoint: was written by a later version: use that, or `--checkpoint DIR`"),
            "{err}"
        );
        assert_eq!(fs::read(&path).expect("there"), bytes);
    }
    assert_eq!(desk.names("state"), ["web.checkpoint", "web.lock"]);
}

#[test]
fn a_folder_that_cannot_hold_checkpoints_is_named() {
    let desk = Desk::new("folder");
    desk.configure("");
    desk.write("access.log", lines(0..10, "/a"));
    desk.write("state", "a file");
    let Ran { code, out, err } = desk.load(&[]);
    assert_eq!((code, out.as_str()), (2, ""), "nothing is sent that could not be remembered");
    assert!(err.starts_with("highwater: web: state: cannot ") && err.contains("`--checkpoint DIR`"), "{err}");
}

#[test]
fn what_could_not_be_sent_is_sent_by_the_next_run() {
    let desk = Desk::new("unsent");
    desk.configure(":to {:type :file :path \"points/points.line\"}");
    desk.write("access.log", lines(0..10, "/a"));
    let Ran { code, err, .. } = desk.load(&[]);
    assert_eq!(code, 2);
    assert!(err.contains("points/points.line: "), "{err}");
    fs::create_dir(desk.path("points")).expect("writable");
    // What is new meanwhile comes on top.
    desk.append("access.log", &lines(10..15, "/a"));
    let Ran { code, err, .. } = desk.load(&["-v"]);
    assert_eq!(code, 0);
    assert!(err.contains("5 lines of 1 file (0.0 MB), after what an earlier run could not finish, 2 points"), "{err}");
    let text = desk.read("points/points.line");
    let counts: Vec<&str> = text.lines().map(|line| line.split(' ').nth(1).expect("fields")).collect();
    assert_eq!(counts, ["count=10i", "count=15i"]);
}

//! What runs of the loader take of files that grow, are renamed, packed, copied, cut and made anew between them: each
//! line once. The scenarios are the models of how logs rotate; every line has a path of its own, so that each is seen.

mod world;

use proptest::prelude::*;
use world::World;

/// Rotation by renaming, as logrotate does it.
fn rename(world: &World) {
    world.rename("access.log.1", "access.log.2");
    world.rename("access.log", "access.log.1");
}

#[test]
fn what_is_appended_is_taken_once() {
    let mut world = World::new("append");
    for _ in 0..5 {
        world.write("access.log", 100);
        world.tick();
        world.tick();
    }
    world.check(500);
}

#[test]
fn a_log_that_was_renamed_is_taken_to_its_end() {
    let mut world = World::new("rename");
    world.write("access.log", 200);
    world.tick();
    world.write("access.log", 50);
    rename(&world);
    world.write("access.log", 180);
    world.tick();
    world.check(430);
}

#[test]
fn a_new_log_that_grew_beyond_the_old_offset_is_taken_from_its_start() {
    let mut world = World::new("regrown");
    world.write("access.log", 200);
    world.tick();
    world.write("access.log", 50);
    rename(&world);
    world.write("access.log", 600);
    world.tick();
    world.check(850);
}

#[test]
fn a_writer_may_keep_the_old_file_open_for_a_while() {
    let mut world = World::new("old-writer");
    world.write("access.log", 200);
    world.tick();
    rename(&world);
    world.write("access.log.1", 50);
    world.write("access.log", 80);
    world.tick();
    world.write("access.log.1", 20);
    world.write("access.log", 80);
    world.tick();
    world.check(430);
}

#[test]
fn a_log_that_is_copied_and_truncated_is_taken_from_the_copy() {
    for more in [180, 700] {
        let mut world = World::new("copytruncate");
        world.write("access.log", 200);
        world.tick();
        world.write("access.log", 50);
        world.copy("access.log", "access.log.1");
        world.truncate("access.log");
        world.write("access.log", more);
        world.tick();
        world.check(250 + more);
        assert_eq!(world.replaced, 1, "the run says that it saw a truncation");
    }
}

#[test]
fn a_copy_that_is_seen_before_the_truncation_is_not_taken_again() {
    for settled in [true, false] {
        let mut world = World::new("copy-seen");
        world.write("access.log", 200);
        if settled {
            world.tick();
        }
        world.copy("access.log", "access.log.1");
        world.tick();
        world.write("access.log", 7);
        world.tick();
        world.truncate("access.log");
        world.tick();
        world.write("access.log", 30);
        world.tick();
        world.check(237);
    }
}

#[test]
fn a_copy_that_is_only_half_there_is_not_taken_again() {
    let mut world = World::new("copy-half");
    world.write("access.log", 200);
    world.tick();
    for share in [1, 100, 1000, 10_000] {
        world.copy_some("access.log", "access.log.1", share);
        world.tick();
    }
    world.copy("access.log", "access.log.1");
    world.tick();
    world.truncate("access.log");
    world.write("access.log", 10);
    world.tick();
    world.check(210);
}

#[test]
fn a_log_that_is_renamed_and_packed_at_once_goes_on_in_the_packed_file() {
    for pack in [World::gzip, World::zstd] {
        let mut world = World::new("packed");
        world.write("access.log", 200);
        world.tick();
        world.write("access.log", 50);
        rename(&world);
        pack(&world, "access.log.1");
        world.write("access.log", 180);
        world.tick();
        world.tick();
        world.check(430);
    }
}

#[test]
fn a_log_may_be_packed_a_rotation_later() {
    let mut world = World::new("delaycompress");
    world.write("access.log", 200);
    world.tick();
    world.write("access.log", 70);
    rename(&world);
    world.write("access.log", 150);
    world.tick();
    world.gzip("access.log.1");
    world.rename("access.log.1.gz", "access.log.2.gz");
    rename(&world);
    world.write("access.log", 100);
    world.tick();
    world.tick();
    world.check(520);
}

#[test]
fn two_rotations_between_runs_lose_nothing() {
    let mut world = World::new("twice");
    world.write("access.log", 200);
    world.tick();
    world.write("access.log", 60);
    rename(&world);
    world.write("access.log", 80);
    rename(&world);
    world.write("access.log", 160);
    world.tick();
    world.check(500);
}

#[test]
fn a_file_that_has_the_inode_of_another_is_known_by_what_it_holds() {
    let mut world = World::new("inode");
    world.write("access.log", 300);
    world.tick();
    world.overwrite("access.log", 500);
    world.tick();
    world.check(800);
}

#[test]
fn logs_that_begin_alike_are_told_apart() {
    // The banner is no line of the format: refused, and no reason to stop.
    for by_truncation in [false, true] {
        let mut world = World::new("banner");
        world.text("access.log", "#Software: Example 1.0\n");
        world.write("access.log", 350);
        world.tick();
        match by_truncation {
            true => world.truncate("access.log"),
            false => rename(&world),
        }
        world.text("access.log", "#Software: Example 1.0\n");
        world.write("access.log", 500);
        world.tick();
        world.check(850);
    }
}

#[test]
fn logs_that_share_more_than_what_is_remembered_of_their_beginning_are_told_apart() {
    let banner = "#Fields: a b c d e f g h i j k l m n o p q r s t u v w x y z\n".repeat(40);
    for (by_truncation, more) in [(false, 50), (false, 500), (true, 50), (true, 500)] {
        let mut world = World::new("long-banner");
        world.text("access.log", &banner);
        world.write("access.log", 350);
        world.tick();
        match by_truncation {
            true => world.truncate("access.log"),
            false => rename(&world),
        }
        world.text("access.log", &banner);
        world.write("access.log", more);
        world.tick();
        world.check(350 + more);
    }
}

#[test]
fn a_banner_alone_does_not_hide_the_log_of_the_next_day() {
    let mut world = World::new("banner-alone");
    world.write("access.log", 5);
    world.tick();
    rename(&world);
    world.text("access.log", "#Software: Example 1.0\n");
    world.tick();
    rename(&world);
    world.text("access.log", "#Software: Example 1.0\n");
    world.write("access.log", 20);
    world.tick();
    world.write("access.log.1", 3);
    world.tick();
    world.check(28);
}

#[test]
fn a_line_counts_when_its_end_has_come() {
    let mut world = World::new("partial");
    world.text("access.log", &world.line(0)[..20]);
    world.tick();
    let rest = world.line(0)[20..].to_string();
    world.text("access.log", &rest);
    world.next = 1;
    world.write("access.log", 320);
    let line = world.line(world.next);
    world.text("access.log", &line[..30]);
    world.tick();
    world.text("access.log", &line[30..]);
    world.next += 1;
    world.tick();
    world.check(322);
}

#[test]
fn a_last_line_without_an_end_counts_once_the_log_is_packed() {
    let mut world = World::new("last");
    world.write("access.log", 10);
    let line = world.line(world.next);
    world.text("access.log", line.trim_end());
    world.next += 1;
    world.tick();
    rename(&world);
    world.tick();
    world.gzip("access.log.1");
    world.tick();
    world.tick();
    world.check(11);
}

#[test]
fn a_new_file_with_the_same_content_goes_on_where_the_old_one_was() {
    let mut world = World::new("rewritten");
    world.write("access.log", 300);
    world.tick();
    world.copy("access.log", "new");
    world.rename("new", "access.log");
    world.write("access.log", 50);
    world.tick();
    world.check(350);
}

#[test]
fn a_few_short_lines_a_day_are_all_taken() {
    let mut world = World::new("tiny");
    for _ in 0..7 {
        world.write("access.log", 2);
        world.tick();
        rename(&world);
        world.tick();
    }
    world.check(14);
}

#[test]
fn a_packed_file_that_is_still_written_waits() {
    let mut world = World::new("half-packed");
    world.write("access.log", 230);
    world.tick();
    rename(&world);
    world.write("access.log", 60);
    for share in [5, 60, 2000] {
        world.gzip_some("access.log.1", share);
        world.tick();
    }
    world.gzip("access.log.1");
    world.write("access.log", 120);
    world.tick();
    world.check(410);
}

#[test]
fn a_packed_file_that_was_never_seen_plain_is_taken_as_far_as_it_is_whole() {
    let mut world = World::new("half-packed-new");
    world.write("access.log.1", 5000);
    let packed = world.packed("access.log.1");
    world.remove("access.log.1");
    for share in [packed.len() / 3, packed.len() * 2 / 3, packed.len()] {
        world.bytes("access.log.1.gz", &packed[..share]);
        world.tick();
    }
    world.check(5000);
}

#[test]
fn a_log_that_shrinks_and_grows_beyond_the_old_offset_is_another() {
    let mut world = World::new("shrinks");
    world.write("access.log", 300);
    world.tick();
    world.truncate("access.log");
    world.write("access.log", 10);
    world.tick();
    world.truncate("access.log");
    world.write("access.log", 900);
    world.tick();
    world.check(1210);
}

#[test]
fn a_link_that_switches_leads_to_another_log() {
    let mut world = World::new("link");
    world.write("a.log.real", 100);
    world.link("a.log.real", "current.log");
    world.files = vec!["current.log".to_string()];
    world.tick();
    world.write("a.log.real", 20);
    world.write("b.log.real", 150);
    world.link("b.log.real", "current.log");
    world.tick();
    // What was written to the first one after the last run is reached by no path any more, until it is.
    world.link("a.log.real", "current.log.1");
    world.tick();
    world.check(270);
}

#[test]
fn a_log_that_moves_to_another_folder_goes_on_there() {
    let mut world = World::new("moved");
    world.write("access.log", 100);
    world.tick();
    world.write("access.log", 20);
    world.rename("access.log", "old/access.log.1");
    world.files.push("old/*".to_string());
    world.write("access.log", 30);
    world.tick();
    world.check(150);
}

#[test]
fn a_rotation_between_two_of_its_steps_loses_nothing() {
    // logrotate renames from the oldest on; a run may come after each.
    let mut world = World::new("mid-rotation");
    for _ in 0..4 {
        world.write("access.log", 90);
        for (from, to) in
            [("access.log.2", "access.log.3"), ("access.log.1", "access.log.2"), ("access.log", "access.log.1")]
        {
            if world.exists(from) {
                world.rename(from, to);
            }
            world.tick();
        }
        world.write("access.log", 10);
        world.tick();
    }
    world.check(400);
}

#[test]
fn two_logs_that_hold_the_same_are_both_taken() {
    let mut world = World::new("same");
    world.write("a/access.log", 1);
    world.copy("a/access.log", "b/access.log");
    world.files = vec!["a/access.log".to_string(), "b/access.log".to_string()];
    world.tick();
    world.tick();
    assert_eq!(world.count(0), 2);
    world.write("a/access.log", 40);
    world.write("b/access.log", 40);
    world.tick();
    assert_eq!(world.total(), 82);
}

#[test]
fn lines_too_long_empty_with_nulls_or_carriage_returns_stop_nothing() {
    let mut world = World::new("odd");
    world.write("access.log", 3);
    world.text("access.log", "\n\r\n");
    world.bytes_behind("access.log", &[0; 5000]);
    world.write("access.log", 2);
    let long = format!("{}\n", "x".repeat(3 << 20));
    world.text("access.log", &long[..1 << 20]);
    world.tick();
    world.text("access.log", &long[1 << 20..]);
    let line = world.line(world.next);
    world.text("access.log", &format!("{}\r\n", line.trim_end()));
    world.next += 1;
    world.tick();
    world.write("access.log", 1);
    world.tick();
    world.check(7);
    assert_eq!(world.refused, 1);
}

#[test]
fn a_sibling_of_a_log_that_is_not_there_is_found_by_a_pattern() {
    let mut world = World::new("sibling");
    world.files = vec!["*.log".to_string()];
    world.write("access.log", 10);
    world.tick();
    world.write("access.log", 5);
    rename(&world);
    world.tick();
    world.check(15);
}

#[test]
fn more_logs_than_are_often_there_may_be_away_for_a_run() {
    let mut world = World::new("away");
    world.files = vec!["logs/*.log".to_string(), "*.log".to_string()];
    world.write("stays.log", 1);
    for n in 0..1_100 {
        world.write(&format!("logs/{n}.log"), 1);
    }
    world.tick();
    world.rename("logs", "away");
    world.tick();
    world.rename("away", "logs");
    world.tick();
    world.check(1_101);
}

#[test]
fn links_that_lead_back_are_not_gone_through() {
    let mut world = World::new("loops");
    world.files = vec!["**/*.log".to_string()];
    world.write("a/b/access.log", 10);
    world.link("a", "a/b/back");
    world.link("a", "a/again");
    world.tick();
    world.check(10);
}

/// What may happen to a log between two runs.
#[derive(Clone, Copy, Debug)]
enum Event {
    Write(u64),
    /// A line without its end, which comes with the next write.
    WriteHalf,
    Rename,
    CopyTruncate,
    /// The copy is there, and the log not truncated yet: a run comes in between.
    CopyRunTruncate,
    Pack,
    PackHalf,
    Run,
    /// The destination fails, or the process is killed, before it is known to have accepted.
    RunFails,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => (1u64..40).prop_map(Event::Write),
        1 => (200u64..900).prop_map(Event::Write),
        1 => Just(Event::WriteHalf),
        3 => Just(Event::Rename),
        2 => Just(Event::CopyTruncate),
        1 => Just(Event::CopyRunTruncate),
        2 => Just(Event::Pack),
        1 => Just(Event::PackHalf),
        5 => Just(Event::Run),
        2 => Just(Event::RunFails),
    ]
}

/// Makes room for a new `access.log.1`: what is rotated is never deleted.
fn shift(world: &World) {
    for n in (1..60).rev() {
        for ending in ["", ".gz"] {
            world.rename(&format!("access.log.{n}{ending}"), &format!("access.log.{}{ending}", n + 1));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_between_runs_each_line_is_counted_once(events in proptest::collection::vec(event(), 1..40)) {
        let mut world = World::new(&format!("random-{:?}", std::thread::current().id()));
        let mut half = String::new();
        for event in events {
            // What was begun is ended before the log is another file.
            if !half.is_empty() && !matches!(event, Event::Run | Event::RunFails) {
                world.text("access.log", &std::mem::take(&mut half));
            }
            match event {
                Event::Write(lines) => world.write("access.log", lines),
                Event::WriteHalf => {
                    let line = world.line(world.next);
                    world.next += 1;
                    world.text("access.log", &line[..25]);
                    half = line[25..].to_string();
                }
                Event::Rename => {
                    shift(&world);
                    world.rename("access.log", "access.log.1");
                }
                Event::CopyTruncate | Event::CopyRunTruncate if world.exists("access.log") => {
                    shift(&world);
                    world.copy("access.log", "access.log.1");
                    if matches!(event, Event::CopyRunTruncate) {
                        world.tick();
                    }
                    world.truncate("access.log");
                }
                Event::CopyTruncate | Event::CopyRunTruncate => {}
                Event::Pack if world.exists("access.log.1") => world.gzip("access.log.1"),
                Event::PackHalf if world.exists("access.log.1") => {
                    world.gzip_some("access.log.1", 200);
                    world.tick();
                    world.gzip("access.log.1");
                }
                Event::Pack | Event::PackHalf => {}
                Event::Run => world.tick_if_any(),
                Event::RunFails => world.tick_that_fails(),
            }
        }
        world.text("access.log", &half);
        world.tick_if_any();
        world.check(world.next);
    }
}

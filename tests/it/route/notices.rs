//! Transitions are records.

use highwater::engine::Value;
use highwater::plan::Field;
use highwater::route::{Notice, Record, Router};

use super::limits::line;
use super::{at, routes};

const LINE: &str = concat!(
    r#"{"status":"violation","dedup_key":"k","violation_id":"v","severity":"page","value":204,"#,
    r#""group":{"q":"1"},"labels":{"team":"x"}}"#
);

#[test]
fn a_notice_is_routed_by_its_keys_its_group_and_its_labels() {
    let route = r#"
        (where (= :severity "page")
          (by [:q :team] (rollup 1 60 (with {:severity "info" :team nil :z "9"} (notify :a)))))"#;
    let mut router = Router::new(routes(route));
    let mut out = Vec::new();
    router.pass(Notice::parse(LINE).unwrap(), at(0), &mut out);
    let expected = LINE.replace("page", "info").replace(r#""team":"x""#, r#""z":"9""#);
    assert_eq!(*out[0].batch[0].line(), *expected);
}

#[test]
fn a_notice_that_was_written_and_read_is_the_same() {
    let mut notice = Notice::parse(LINE).unwrap();
    notice.set(&Field::named("summary"), &Value::text("é\n"));
    let bytes = postcard::to_stdvec(&notice).unwrap();
    let again: Notice = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(again, notice);
    assert_eq!(again.line(), notice.line());
    assert_eq!(again.text("summary"), "é\n");
    assert_eq!(again.violation_id(), "v");
    assert!(postcard::from_bytes::<Notice>(&postcard::to_stdvec("{}").unwrap()).is_err());
}

#[test]
fn a_recovery_has_the_identity_of_its_violation() {
    let violation = Notice::parse(LINE).unwrap();
    let recovery = Notice::parse(&LINE.replace("violation\"", "ok\"").replace("page", "info")).unwrap();
    let told = recovery.identified_as(&violation);
    assert_eq!((told.text("severity"), told.text("status")), ("page", "ok"));
    assert!(told.line().contains(r#""severity":"page""#));
}

#[test]
fn a_router_of_pending_notices_is_restored() {
    let mut router = Router::new(routes("(rollup 0 600 (notify :a))"));
    let mut out = Vec::new();
    for n in 0..100 {
        router.pass(Notice::parse(&line(n)).unwrap(), at(1), &mut out);
    }
    let bytes = postcard::to_stdvec(&router).unwrap();
    assert!(bytes.len() < 100 * 1100, "{}", bytes.len());
    let mut again: Router<Notice> = postcard::from_bytes(&bytes).unwrap();
    again.advance(at(601), &mut out);
    let lines: Vec<String> = out[0].batch.iter().map(|notice| notice.line().to_string()).collect();
    assert_eq!(lines, (0..100).map(line).collect::<Vec<_>>());
}

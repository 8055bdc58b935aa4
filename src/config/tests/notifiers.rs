//! `:notifiers` and `:heartbeat`.

use std::path::PathBuf;

use super::environment::with;
use super::*;
use crate::plan::*;

const THRESHOLDS: &str = ":percentiles {\"q\" {0.5 {:< 5 :interval 60}}}";
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const KEY: &str = "0123456789abcdefABCDEF0123456789";

/// A file with one notifier, to which everything goes.
fn one(entries: &str) -> String {
    format!("{{:notifiers {{:n {{{entries}}}}} :routes [(notify :n)] {THRESHOLDS}}}")
}

/// What the notifier is, and the codes of what was said about it.
fn read(entries: &str) -> (Notifier, Vec<&'static str>) {
    let text = one(entries);
    let environment = [("SECRET", SECRET), ("KEY", KEY), ("WORD", "correct horse"), ("/run/secret", SECRET)];
    let loaded = with(&environment, &text, Unset::Error);
    let codes = loaded.diagnostics.iter().map(|one| one.code).collect();
    let plan = loaded.plan.unwrap_or_else(|| panic!("{text}\n{:#?}", loaded.diagnostics));
    let notifier = plan.routing.notifiers.into_iter().find(|one| one.name == "n");
    (notifier.expect("it is read"), codes)
}

fn via(entries: &str) -> Via {
    let (notifier, codes) = read(entries);
    assert_eq!(codes, [""; 0], "{entries}");
    notifier.via
}

fn url(text: &str) -> Url {
    Url(text.to_string())
}

#[test]
fn what_is_not_said_of_a_notifier_has_its_default() {
    let (notifier, _) = read(":type :log");
    assert_eq!(notifier, Notifier { name: "n".into(), ..Notifier::standard_output() });
    let (notifier, _) = read(":type :log :path \"a/b.jsonl\" :timeout 0.5 :give-up #duration \"1m\"");
    assert_eq!((notifier.timeout, notifier.give_up), (500_000, 60_000_000));
    assert_eq!(notifier.via, Via::Log(Log { path: Some(PathBuf::from("a/b.jsonl")) }));
    let webhook = Webhook { url: url("https://example.com/x"), secrets: vec![], headers: Headers::default(), ca: None };
    assert_eq!(via(":type :webhook :url \"https://example.com/x\""), Via::Webhook(webhook));
    let words = [("critical", "critical"), ("error", "error"), ("info", "info"), ("warning", "warning")];
    let severities = Severities(words.map(|(a, b)| (a.to_string(), b.to_string())).to_vec());
    let pagerduty = PagerDuty {
        url: url("https://events.pagerduty.com/v2/enqueue"),
        routing_key: Secret(KEY.into()),
        severities,
        client: None,
        client_url: None,
        ca: None,
    };
    assert_eq!(via(":type :pagerduty :routing-key #env \"KEY\""), Via::PagerDuty(pagerduty));
    let alertmanager = Alertmanager {
        url: url("http://127.0.0.1:9093"),
        resend: 60_000_000,
        severities: Severities::default(),
        headers: Headers::default(),
        ca: None,
    };
    assert_eq!(via(":type :alertmanager :url \"http://127.0.0.1:9093/\""), Via::Alertmanager(alertmanager));
    let email = Email {
        host: "mail.example.com".into(),
        port: 587,
        security: MailSecurity::StartTls,
        login: None,
        from: "a@example.com".into(),
        to: vec!["b@example.com".into()],
        ca: None,
    };
    let mail = ":type :email :host \"mail.example.com\" :from \"a@example.com\" :to \"b@example.com\"";
    assert_eq!(via(mail), Via::Email(Box::new(email)));
    let exec = Exec { command: vec!["sh".into(), "-c".into(), "exit 0".into()] };
    assert_eq!(via(":type :exec :command [\"sh\" \"-c\" \"exit 0\"]"), Via::Exec(exec));
}

#[test]
fn options_of_notifiers_are_read() {
    let hook = |entries: &str| match via(&format!(":type :webhook :url \"https://example.com\" {entries}")) {
        Via::Webhook(webhook) => webhook,
        other => panic!("{other:?}"),
    };
    assert_eq!(hook(":secret #env \"SECRET\"").secrets.len(), 1);
    assert_eq!(hook(":secret [#env \"SECRET\" #file \"/run/secret\"]").secrets.len(), 2);
    assert_eq!(hook(":ca \"/etc/ca.pem\"").ca, Some(PathBuf::from("/etc/ca.pem")));
    let headers = hook(":headers {\"X-Team\" \"search\" :Authorization #env \"WORD\"}").headers;
    let expected = [("X-Team", "search"), ("Authorization", "correct horse")];
    assert_eq!(headers.0, expected.map(|(name, value)| (name.to_string(), Secret(value.to_string()))));
    let Via::PagerDuty(pagerduty) = via(":type :pagerduty :routing-key #env \"KEY\" :region :eu :client \"hw\"
        :client-url \"https://hw.example.com/\" :severities {\"page\" :critical, :warning \"info\"}")
    else {
        panic!("no pagerduty")
    };
    assert_eq!(pagerduty.url, url("https://events.eu.pagerduty.com/v2/enqueue"));
    let meanings = ["page", "warning", "error", "x"].map(|word| pagerduty.severities.of(word));
    assert_eq!(meanings, [Some("critical"), Some("info"), Some("error"), None]);
    assert_eq!(
        (pagerduty.client.as_deref(), pagerduty.client_url.as_deref()),
        (Some("hw"), Some("https://hw.example.com/"))
    );
    let Via::Alertmanager(to) =
        via(":type :alertmanager :url \"http://[::1]:9093/am\" :resend 30 :severities {\"page\" \"P1\"}")
    else {
        panic!("no alertmanager")
    };
    assert_eq!((to.resend, to.severities.of("page"), to.url), (30_000_000, Some("P1"), url("http://[::1]:9093/am")));
    let mail = |entries: &str| match via(&format!(":type :email :from \"a@b\" :to [\"c@d\" \"E <e@f>\"] {entries}")) {
        Via::Email(email) => (email.host, email.port, email.security, email.login, email.to.len()),
        other => panic!("{other:?}"),
    };
    let host = || "m.example".to_string();
    let login = Some(("u".to_string(), Secret("correct horse".to_string())));
    let (start, tls, none) = (MailSecurity::StartTls, MailSecurity::Tls, MailSecurity::None);
    assert_eq!(mail(":host \"m.example:2525\""), (host(), 2525, start, None, 2));
    assert_eq!(mail(":host \"m.example\" :security :tls"), (host(), 465, tls, None, 2));
    assert_eq!(mail(":host \"m.example\" :security :none"), (host(), 25, none, None, 2));
    assert_eq!(mail(":host \"m.example\" :port 26"), (host(), 26, start, None, 2));
    assert_eq!(mail(":host \"m.example\" :user \"u\" :password #env \"WORD\""), (host(), 587, start, login.clone(), 2));
    assert_eq!(
        mail(":host \"::1\" :security :none :user \"u\" :password #env \"WORD\""),
        ("::1".into(), 25, none, login, 2)
    );
    assert_eq!(mail(":host \"[::1]:25\""), ("::1".into(), 25, start, None, 2));
}

#[test]
fn types_and_options_are_answered_with_the_nearest() {
    for (kind, phrase) in [
        (":hook", "did you mean `:webhook`?"),
        (":http", "did you mean `:webhook`?"),
        (":webhok", "did you mean `:webhook`?"),
        (":smtp", "did you mean `:email`?"),
        (":mail", "did you mean `:email`?"),
        (":pager-duty", "did you mean `:pagerduty`?"),
        (":PagerDuty", "did you mean `:pagerduty`?"),
        (":am", "did you mean `:alertmanager`?"),
        (":script", "did you mean `:exec`?"),
        (":command", "did you mean `:exec`?"),
        (":stdout", "did you mean `:log`?"),
        (":file", "did you mean `:log`?"),
        (":slack", "`:exec` with a program that turns it into theirs"),
        (":opsgenie", "`:exec` with a program that turns it into theirs"),
        (":xyzzy", "`:webhook` posts JSON to a URL"),
        ("\"webhook\"", "write `:webhook`"),
        ("webhook", "write `:webhook`"),
        ("5", "not the number"),
    ] {
        let phrase = if kind == "5" { "there is no type the number `5`" } else { phrase };
        faults(&one(&format!(":type {kind} :url \"https://example.com\"")), &[("T088", phrase)]);
    }
    for (entries, guess) in [
        (":url \"https://example.com\"", ":webhook"),
        (":routing-key \"x\"", ":pagerduty"),
        (":host \"x\"", ":email"),
        (":command [\"x\"]", ":exec"),
        (":resend 5 :url \"http://x\"", ":alertmanager"),
        ("", ":webhook"),
    ] {
        faults(&one(entries), &[("T087", &format!("write `:type {guess}`"))]);
    }
    for (entries, key, meant) in [
        (":type :log", ":file", ":path"),
        (":type :log", ":time-out", ":timeout"),
        (":type :log", ":give_up", ":give-up"),
        (":type :log", ":max-age", ":give-up"),
        (":type :webhook :url \"https://x\"", ":signing-secret", ":secret"),
        (":type :webhook :url \"https://x\"", ":header", ":headers"),
        (":type :exec :command [\"x\"]", ":cmd", ":command"),
        (":type :alertmanager :url \"http://x\"", ":repeat", ":resend"),
    ] {
        faults(&one(&format!("{entries} {key} 5")), &[("T001", &format!("did you mean `{meant}`?"))]);
    }
    faults(&one(":type :log :routing-key 5"), &[("T089", "it belongs to `:type :pagerduty`")]);
    faults(&one(":type :webhook :uri 5"), &[("T001", "did you mean `:url`?")]);
    faults(&one(":type :log \"path\" 5"), &[("T003", "write `:path`")]);
    faults(&format!("{{:notifier {{}} {THRESHOLDS}}}"), &[("T001", "did you mean `:notifiers`?")]);
    faults(&format!("{{:receivers {{}} {THRESHOLDS}}}"), &[("T001", "did you mean `:notifiers`?")]);
    faults(&format!("{{:notifiers [] {THRESHOLDS}}}"), &[("T021", "a map of names to notifiers")]);
    faults(
        &format!(
            "{{:notifiers {{:a \"https://x\" \"b\" {{}} :c/d {{:type :log}}}} {THRESHOLDS} :routes [(notify :a)]}}"
        ),
        &[("T021", "a map with a `:type`"), ("T003", "write `:b`"), ("T101", "no name for a notifier")],
    );
}

#[test]
fn values_of_notifiers_are_checked() {
    let hook = ":type :webhook :url \"https://x\"";
    let pager = ":type :pagerduty :routing-key #env [\"X\" \"0123456789abcdefABCDEF0123456789\"]";
    let mail = ":type :email :host \"h\" :from \"a@b\" :to \"c@d\"";
    let mail_without =
        |key: &str| mail.split(" :").filter(|part| !part.starts_with(key)).collect::<Vec<_>>().join(" :");
    for (entries, expected) in [
        (":type :log :timeout 0".to_string(), &[("T031", "above 0")][..]),
        (":type :log :timeout 301".into(), &[("T102", "at most 5 min")]),
        (":type :log :timeout 5000".into(), &[("W005", "did you mean `5`?"), ("T102", "")]),
        (":type :log :give-up 59".into(), &[("T102", "at least 1 min")]),
        (":type :log :path \"~/x\"".into(), &[("T123", "only a shell")]),
        (":type :log :path \"/var/log/\"".into(), &[("T123", "a folder")]),
        (":type :log :path \"-\"".into(), &[("T123", "standard output")]),
        (":type :log :path #file \"/x\"".into(), &[("T123", "`#file`")]),
        (":type :webhook".into(), &[("T100", "needs `:url`")]),
        (":type :webhook :url https".into(), &[("T108", "a URL in quotes")]),
        (":type :webhook :url \"example.com\"".into(), &[("T109", "write `https://` in front")]),
        (":type :webhook :url #env \"URL\"".into(), &[("W003", "a placeholder stands for it")]),
        (format!("{hook} :secret \"hunter2-hunter2\""), &[("T103", "whsec_$(openssl rand -base64 32)")]),
        (format!("{hook} :secret hunter2"), &[("T086", "takes a string")]),
        (format!("{hook} :secret []"), &[("T104", "1 to 8")]),
        (format!("{hook} :secret \"{SECRET}\""), &[("W024", "`:secret #env \"HOOK_SECRET\"`")]),
        (format!("{hook} :secret #env \"S\""), &[("W003", "this option is left out")]),
        (format!("{hook} :headers {{\"webhook-id\" \"x\"}}"), &[("T106", "is set already")]),
        (format!("{hook} :headers {{:User-Agent \"x\"}}"), &[("T106", "is set already")]),
        (format!("{hook} :headers {{\"X Y\" \"x\"}}"), &[("T105", "no name of a header")]),
        (format!("{hook} :headers {{\"X\" \"a\\nb\"}}"), &[("T107", "the header `X`")]),
        (format!("{hook} :headers {{\"X\" 5}}"), &[("T086", "the header `X` takes a string")]),
        (format!("{hook} :headers {{\"X\" \"a\" :x \"b\"}}"), &[("T113", "twice")]),
        (format!("{hook} :ca \"-----BEGIN CERTIFICATE-----\""), &[("T094", "the text that stands in one")]),
        (":type :webhook :url \"http://x.example\" :headers {\"X\" \"a\"}".into(), &[("W035", "in clear")]),
        (":type :pagerduty".into(), &[("T100", "needs `:routing-key`")]),
        (":type :pagerduty :routing-key \"abc\"".into(), &[("T110", "this one has 3 characters")]),
        (format!(":type :pagerduty :routing-key \"{KEY}\""), &[("W024", "PAGERDUTY_KEY")]),
        (format!("{pager} :region :eu :url \"https://x\""), &[("W024", ""), ("T111", "`:url` is said, too")]),
        (format!("{pager} :url \"http://x\""), &[("W024", ""), ("W035", "the routing key")]),
        (
            format!("{pager} :severities {{\"page\" \"crit\"}}"),
            &[("W024", ""), ("T112", "did you mean `\"critical\"`?")],
        ),
        (":type :alertmanager :url \"http://x/api/v2/alerts\"".into(), &[("T114", "`/api/v2/alerts` is added")]),
        (":type :alertmanager :url \"http://x/?a\"".into(), &[("T114", "leave out `?`")]),
        (":type :alertmanager :url \"http://x\" :resend 0.5".into(), &[("T102", "from 1 s to 1 day")]),
        (mail_without("host"), &[("T100", "needs `:host`")]),
        (mail_without("to"), &[("T100", "needs `:to`")]),
        (format!("{} :host \"smtps://x\"", mail_without("host")), &[("T115", "without the scheme")]),
        (format!("{} :host \"x:0\"", mail_without("host")), &[("T115", "no host of mail")]),
        (format!("{} :host \"x:25\" :port 25", mail_without("host")), &[("T116", "said twice")]),
        (format!("{mail} :security :ssl"), &[("T023", "did you mean `:tls`?")]),
        (format!("{mail} :user \"u\""), &[("T117", "`:password` is not")]),
        (format!("{mail} :password #env [\"X\" \"p\"]"), &[("T117", "`:user` is not"), ("W024", "")]),
        (format!("{mail} :user \"u\" :password #env \"P\" :security :none"), &[("W003", ""), ("T118", "in clear")]),
        (format!("{} :to []", mail_without("to")), &[("T022", "`:to` is empty")]),
        (format!("{} :to \"a@b, c@d\"", mail_without("to")), &[("T120", "as a vector")]),
        (format!("{} :to \"ops\"", mail_without("to")), &[("T120", "no address of mail")]),
        (":type :exec".into(), &[("T100", "needs `:command`")]),
        (":type :exec :command \"tell --now\"".into(), &[("T121", "write `[\"tell\" \"--now\"]`; or `[\"sh\" \"-c\"")]),
        (":type :exec :command []".into(), &[("T145", "is empty")]),
        (":type :exec :command [\"tell --now\"]".into(), &[("T122", "texts of their own")]),
        (":type :exec :command [\"tell\" :now]".into(), &[("T021", "write `\"now\"`")]),
    ] {
        let text = one(&entries);
        let loaded = from_text(&text);
        let mut found: Vec<String> = loaded
            .diagnostics
            .iter()
            .map(|d| format!("{} {} [{}] {}", d.code, d.message, d.labels[0].text, d.help.as_deref().unwrap_or("")))
            .collect();
        let mut expected = expected.to_vec();
        found.sort();
        expected.sort();
        assert_eq!(found.len(), expected.len(), "{text}\n{found:#?}");
        for (found, (code, phrase)) in found.iter().zip(expected) {
            assert!(found.starts_with(code) && found.contains(phrase), "{text}\n{phrase}\n{found}");
        }
    }
}

#[test]
fn a_notifier_of_several_files_is_one() {
    let a = "{:notifiers {:n {:type :webhook :url \"https://example.com\"}} :routes [(notify :n)]}";
    let b = format!("{{:notifiers {{:n {{:timeout 5}}}} {THRESHOLDS}}}");
    for order in [[a, &b], [&b, a]] {
        let loaded = files(&order);
        compare(a, &loaded, &[]);
        assert_eq!(loaded.plan.expect("no fault").routing.notifiers[1].timeout, 5_000_000);
    }
    for (c, key) in [(":timeout 6", "timeout"), (":type :log", "type"), (":url \"https://x\"", "url")] {
        let c = format!("{{:notifiers {{:n {{{c}}}}}}}");
        let loaded = files(&[a, &b, &c]);
        compare(&c, &loaded, &[("T006", &format!("`:{key}` is set in two files"))]);
        assert_eq!(loaded.diagnostics[0].labels.len(), 2);
    }
    faults(&one(":type :log :path \"a\" :path \"b\""), &[("E014", "")]);
}

#[test]
fn the_heartbeat_is_read() {
    let text = |entries: &str| format!("{{:heartbeat {{{entries}}} {THRESHOLDS}}}");
    let heartbeat = |entries: &str| from_text(&text(entries)).plan.expect("no fault").routing.heartbeat;
    let usual = Heartbeat { url: url("https://hc.example.com/ping/1"), every: 60_000_000, ca: None };
    assert_eq!(heartbeat(":url \"https://hc.example.com/ping/1\""), Some(usual.clone()));
    let often = Heartbeat { every: 1_000_000, ca: Some(PathBuf::from("/ca.pem")), ..usual };
    assert_eq!(heartbeat(":url \"https://hc.example.com/ping/1\" :every 1 :ca \"/ca.pem\""), Some(often));
    assert_eq!(heartbeat(":url #env \"HC\""), None);
    for (entries, code, phrase) in [
        ("", "T100", "needs `:url`"),
        (":url \"https://x\" :every 0.5", "T102", "from 1 s to 1 day"),
        (":url \"https://x\" :interval 60", "T001", "did you mean `:every`?"),
        (":url \"x\"", "T109", "no scheme"),
        (":url #env \"HC\"", "W003", "a placeholder stands for it"),
    ] {
        faults(&text(entries), &[(code, phrase)]);
    }
    faults(&format!("{{:heartbeat \"https://x\" {THRESHOLDS}}}"), &[("T021", "a map, such as")]);
    faults(&format!("{{:watchdog 5 {THRESHOLDS}}}"), &[("T001", "did you mean `:heartbeat`?")]);
}

#[test]
fn no_message_repeats_a_secret() {
    let text =
        "{:notifiers {:a {:type :webhook :url \"https://hunter2@example.com/hunter2?hunter2\" :secret \"hunter2\"
          :headers {\"X\" \"hunter2\\u0007\" \"Host\" \"hunter2\" \"Y\" [\"hunter2\"]} :bogus 5}
        :b {:type :webhook :url \"example.com/hunter2\" :secret [\"hunter2\" :hunter2 hunter2] :timeout :x}
        :c {:type :pagerduty :routing-key #env [\"X\" \"hunter2\"] :url #env [\"Y\" \"ftp://x/hunter2\"]}
        :d {:type :email :host 5 :user \"u\" :password \"hunter2\" :security :none :from :x :to 7}
        :e {:type :alertmanager :url \"http://x/api/v2/alerts?hunter2\" :bogus 5}
        :f {:type :webhook :url \"http:\\u002f\\u002fx/hunter2\\n\"}
        :g {:type :webhook :url [\"hunter2\"] :secret {:x \"hunter2\"}}}}";
    let loaded = from_text(text);
    assert!(loaded.diagnostics.len() > 15, "{:#?}", loaded.diagnostics);
    for one in &loaded.diagnostics {
        assert!(!format!("{one:?}").contains("hunter2"), "{one:?}");
    }
    let shown: Vec<&str> = loaded.sources.files[0].text.matches("hunter2").collect();
    assert_eq!(shown.len(), 0, "{}", loaded.sources.files[0].text);
}

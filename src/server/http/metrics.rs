//! `GET /metrics`: the text format of Prometheus.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use hyper::StatusCode;

use super::{Answer, long};
use crate::deliver::{Numbers, OfNotifier};
use crate::engine::{Evaluator, Intake};
use crate::plan::Plan;
use crate::server::clock;
use crate::server::counters::{Counters, PerSource, Source};
use crate::server::desk::Local;
use crate::server::keep::Keeper;
use crate::server::lock;
use crate::server::reload::Reloads;

/// Without a sign of the judge for so many seconds, windows are not closed on time.
const SILENT: i64 = 15;

/// What the judge last said of every threshold.
#[derive(Debug)]
pub struct Published {
    pub plan: Arc<Plan>,
    pub thresholds: Vec<PerThreshold>,
}

#[derive(Debug)]
pub struct PerThreshold {
    pub groups: u64,
    pub violated: u64,
    pub judged: u64,
    pub without_verdict: u64,
    pub intake: Intake,
}

impl Published {
    pub fn of(plan: &Arc<Plan>, evaluator: &Evaluator) -> Published {
        let of = |i: usize| {
            let (intake, account) = evaluator.report(i);
            let (groups, violated) = evaluator.groups(i);
            PerThreshold {
                groups: groups as u64,
                violated: violated as u64,
                judged: account.judged,
                without_verdict: account.cut + account.empty + account.few,
                intake: *intake,
            }
        };
        Published { plan: Arc::clone(plan), thresholds: (0..plan.thresholds.len()).map(of).collect() }
    }
}

/// For how many seconds the judge has given no sign, if that is too long.
pub fn late_judge(counters: &Counters) -> Option<i64> {
    let alive = i64::try_from(counters.alive.load(Relaxed)).unwrap_or(i64::MAX);
    let silent = (clock::boot() - alive) / 1_000_000;
    (silent >= SILENT).then_some(silent)
}

pub fn page(local: &Local) -> Answer {
    let published = Arc::clone(&*lock(&local.page.published));
    let keeper = local.applying.keeper.as_deref();
    let deliveries = local.page.deliveries.lock().clone();
    let counters = &local.applying.counters;
    let text = render(&published, counters, &local.page.reloads, keeper, &deliveries);
    long(local, StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
}

/// The whole page.
pub fn render(
    published: &Published,
    counters: &Counters,
    reloads: &Reloads,
    keeper: Option<&Keeper>,
    deliveries: &Numbers,
) -> String {
    let mut page = Page { text: String::new() };
    page.family("highwater_build_info", "gauge", "The version that runs.");
    page.sample("highwater_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
    of_sources(&mut page, counters);
    of_process(&mut page, counters);
    of_reloads(&mut page, reloads);
    if let Some(keeper) = keeper {
        of_state(&mut page, keeper);
    }
    of_deliveries(&mut page, deliveries);
    of_thresholds(&mut page, &published.plan, published);
    page.text
}

fn of_sources(page: &mut Page, counters: &Counters) {
    type Count = fn(&PerSource) -> &AtomicU64;
    let families: [(&str, &str, &str, Count); 5] = [
        ("highwater_connections", "gauge", "Connections that are open.", |of| &of.connections),
        ("highwater_accepted_connections_total", "counter", "Connections that were accepted.", |of| &of.accepted),
        ("highwater_messages_total", "counter", "Messages that were applied.", |of| &of.messages),
        ("highwater_events_total", "counter", "Events that were decoded.", |of| &of.events),
        ("highwater_received_bytes_total", "counter", "Bytes that were received.", |of| &of.bytes),
    ];
    for (name, kind, help, count) in families {
        page.family(name, kind, help);
        for source in Source::ALL {
            page.sample(name, &[("source", source.name())], count(counters.of(source)).load(Relaxed));
        }
    }
    let by_cause: [(&str, &str, BTreeMap<&'static str, u64>); 2] = [
        ("highwater_refused_events_total", "Events that were refused, by cause.", counters.refused()),
        (
            "highwater_turned_away_total",
            "Connections, messages and datagrams that were not taken, by cause.",
            counters.turned_away(),
        ),
    ];
    for (name, help, causes) in by_cause {
        page.family(name, "counter", help);
        for (cause, n) in causes {
            page.sample(name, &[("cause", cause)], n);
        }
    }
    let (hosts, others) = counters.hosts();
    let name = "highwater_untimely_host_events_total";
    page.family(
        name,
        "counter",
        "Events that were late or ahead of the clock, by host; host \"\" is events without one.",
    );
    for (host, n) in &hosts {
        page.sample(name, &[("host", host), ("cause", "late")], n.late);
        page.sample(name, &[("host", host), ("cause", "ahead")], n.ahead);
    }
    let name = "highwater_untimely_other_host_events_total";
    page.family(name, "counter", "The same for hosts beyond those that are named.");
    page.sample(name, &[("cause", "late")], others.late);
    page.sample(name, &[("cause", "ahead")], others.ahead);
}

fn of_process(page: &mut Page, counters: &Counters) {
    let families: [(&str, &str, &AtomicU64); 9] = [
        ("late_events_total", "Events that came when windows of a threshold were closed.", &counters.late),
        ("ahead_events_total", "Events further ahead of the clock than :max-skew, left out.", &counters.ahead),
        ("ignored_states_total", "States of Riemann's old protocol, taken and ignored.", &counters.states),
        ("refused_queries_total", "Queries, which are not supported yet.", &counters.queries),
        ("ticks_total", "Looks at the clock.", &counters.ticks),
        ("cut_drains_total", "Closings of windows that could not wait for all that had arrived.", &counters.cut_drains),
        ("clock_jumps_total", "Jumps of the clock, suspends and stops of the process.", &counters.jumps),
        ("violations_total", "Transitions to violation.", &counters.violations),
        ("recoveries_total", "Transitions to ok.", &counters.recoveries),
    ];
    for (name, help, count) in families {
        let name = format!("highwater_{name}");
        page.family(&name, "counter", help);
        page.sample(&name, &[], count.load(Relaxed));
    }
    let alive = i64::try_from(counters.alive.load(Relaxed)).unwrap_or(i64::MAX);
    let lag = clock::boot().saturating_sub(alive).max(0) as f64 / 1e6;
    page.family(
        "highwater_watermark_lag_seconds",
        "gauge",
        "How far windows are judged behind the clock, besides the grace.",
    );
    page.sample("highwater_watermark_lag_seconds", &[], lag);
    let events: u64 = Source::ALL.iter().map(|source| counters.of(*source).events.load(Relaxed)).sum();
    let late = counters.late.load(Relaxed) as f64 / events.max(1) as f64;
    page.family("highwater_late_event_ratio", "gauge", "Late events to all events, since the start.");
    page.sample("highwater_late_event_ratio", &[], late);
    page.family("highwater_unwatched_seconds_total", "counter", "Time that jumps of the clock left unwatched.");
    let unwatched = counters.unwatched.load(Relaxed) as f64 / 1e6;
    page.sample("highwater_unwatched_seconds_total", &[], unwatched);
    page.family("highwater_recording_failed", "gauge", "1 once a recording could not be written any more.");
    page.sample("highwater_recording_failed", &[], counters.recording_failed.load(Relaxed));
    page.family("highwater_receiving_bytes", "gauge", "Memory for messages that have arrived in part.");
    page.sample("highwater_receiving_bytes", &[], counters.receiving.load(Relaxed));
    page.family("highwater_answering_bytes", "gauge", "Memory for HTTP answers that have not been sent yet.");
    page.sample("highwater_answering_bytes", &[], counters.answering.load(Relaxed));
}

fn of_state(page: &mut Page, keeper: &Keeper) {
    let name = "highwater_state_failing";
    page.family(name, "gauge", "1 while what is counted would be lost with the process.");
    page.sample(name, &[], u8::from(keeper.trouble().is_some()));
    let name = "highwater_state_failures_total";
    page.family(name, "counter", "Writes to the state folder that failed.");
    page.sample(name, &[], keeper.failures.load(Relaxed));
    let name = "highwater_snapshots_total";
    page.family(name, "counter", "Snapshots of the state that were written.");
    page.sample(name, &[], keeper.snapshots.load(Relaxed));
    let name = "highwater_journal_bytes";
    page.family(name, "gauge", "Length of the journal since the last snapshot.");
    page.sample(name, &[], keeper.journal_bytes());
}

fn of_deliveries(page: &mut Page, deliveries: &Numbers) {
    type Count = fn(&OfNotifier) -> u64;
    let families: [(&str, &str, &str, Count); 4] = [
        ("delivered_total", "counter", "Messages that a notifier has accepted.", |of| of.delivered),
        ("failed_attempts_total", "counter", "Attempts to deliver that failed and are made again.", |of| of.failed),
        ("dead_letters_total", "counter", "Messages that were rejected or given up.", |of| of.dead),
        ("waiting", "gauge", "Messages that wait to be delivered.", |of| of.waiting as u64),
    ];
    for (name, kind, help, count) in families {
        let name = format!("highwater_notifier_{name}");
        page.family(&name, kind, help);
        for (notifier, of) in &deliveries.notifiers {
            page.sample(&name, &[("notifier", notifier)], count(of));
        }
    }
    let name = "highwater_notifier_waiting_seconds";
    page.family(name, "gauge", "For how long the oldest message has waited.");
    for (notifier, of) in &deliveries.notifiers {
        let waited = of.since.map_or(0, |since| (clock::wall().micros() - since.micros()).max(0));
        page.sample(name, &[("notifier", notifier)], waited as f64 / 1e6);
    }
    let families: [(&str, &str, &str, u64); 6] = [
        (
            "collapsed_notices_total",
            "counter",
            "Notices that gave way to later ones in a full queue.",
            deliveries.collapsed,
        ),
        ("pending_notices", "gauge", "Notices that a rollup holds back.", deliveries.pending as u64),
        ("told_violations", "gauge", "Violations told and not over, for each notifier.", deliveries.open as u64),
        (
            "outbox_failing",
            "gauge",
            "1 while what is to be told would be lost with the process.",
            deliveries.trouble.is_some().into(),
        ),
        ("heartbeats_total", "counter", "Heartbeats that were sent and accepted.", deliveries.heartbeats),
        (
            "heartbeat_failing",
            "gauge",
            "1 if the last heartbeat was held back or did not arrive.",
            deliveries.heart.is_some().into(),
        ),
    ];
    for (name, kind, help, value) in families {
        let name = format!("highwater_{name}");
        page.family(&name, kind, help);
        page.sample(&name, &[], value);
    }
}

fn of_reloads(page: &mut Page, reloads: &Reloads) {
    let (applied, refused) = reloads.counts();
    let name = "highwater_reloads_total";
    page.family(name, "counter", "Readings of the thresholds while it runs.");
    page.sample(name, &[("result", "applied")], applied);
    page.sample(name, &[("result", "refused")], refused);
    let name = "highwater_last_reload_applied";
    page.family(name, "gauge", "0 if the last reading was refused and changed nothing, else 1.");
    page.sample(name, &[], u8::from(reloads.is_well()));
}

fn of_thresholds(page: &mut Page, plan: &Plan, published: &Published) {
    type Count = fn(&PerThreshold) -> u64;
    let families: [(&str, &str, &str, Count); 5] = [
        ("groups", "gauge", "Groups of a threshold.", |of| of.groups),
        ("violated_groups", "gauge", "Groups of a threshold that are in violation.", |of| of.violated),
        ("judged_windows_total", "counter", "Windows that gave a verdict.", |of| of.judged),
        ("windows_without_verdict_total", "counter", "Windows that gave none.", |of| of.without_verdict),
        ("counted_events_total", "counter", "Events that were counted.", |of| of.intake.counted),
    ];
    for (name, kind, help, count) in families {
        let name = format!("highwater_threshold_{name}");
        page.family(&name, kind, help);
        for (threshold, of) in plan.thresholds.iter().zip(&published.thresholds) {
            page.sample(&name, &[("threshold", &threshold.id)], count(of));
        }
    }
    type Left = fn(&Intake) -> u64;
    let causes: [(&str, Left); 6] = [
        ("no-field", |intake| intake.absent),
        ("no-number", |intake| intake.no_number),
        ("late", |intake| intake.late),
        ("groups", |intake| intake.groups),
        ("group-bytes", |intake| intake.group_bytes),
        ("open-windows", |intake| intake.windows),
    ];
    let name = "highwater_threshold_left_out_events_total";
    page.family(
        name,
        "counter",
        "Events of a threshold that could not be counted, by cause; none of a cause is not shown.",
    );
    for (threshold, of) in plan.thresholds.iter().zip(&published.thresholds) {
        for (cause, count) in causes {
            let n = count(&of.intake);
            if n > 0 {
                page.sample(name, &[("threshold", &threshold.id), ("cause", cause)], n);
            }
        }
    }
}

struct Page {
    text: String,
}

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.text.push_str(name);
        for (i, (label, text)) in labels.iter().enumerate() {
            self.text.push(if i == 0 { '{' } else { ',' });
            self.text.push_str(label);
            self.text.push_str("=\"");
            for c in text.chars() {
                match c {
                    '\\' => self.text.push_str("\\\\"),
                    '"' => self.text.push_str("\\\""),
                    '\n' => self.text.push_str("\\n"),
                    other => self.text.push(other),
                }
            }
            self.text.push('"');
        }
        if !labels.is_empty() {
            self.text.push('}');
        }
        let _ = writeln!(self.text, " {value}");
    }
}

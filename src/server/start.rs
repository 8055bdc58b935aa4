//! Everything is opened, then everything is started; and at the end stopped in order.

use std::cell::Cell;
use std::collections::HashSet;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc as std_mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use super::accept::{self, Door, Reception};
use super::apply::{Applying, Counting};
use super::clock::Clocks;
use super::counters::{Counters, Source};
use super::desk::{self, Desk};
use super::http::metrics::{Published, late_judge};
use super::http::{Page, Places};
use super::judge::{self, Judge};
use super::keep::Keeper;
use super::logs;
use super::notices::Notices;
use super::record::Recorder;
use super::reload::{self, Load, Reloads};
use super::watch::{self, Changed};
use super::{clock, files, state, tls};
use crate::deliver::{self, Deliveries, Directory, Origin, Outbox};
use crate::engine::Evaluator;
use crate::plan::{Plan, Timestamp};
use crate::route::Notice;

/// The buffer of a UDP socket, in bytes: a surge waits there while a window closes. The system may give less.
const UDP_BUFFER: usize = 8 << 20;
/// Signals so soon after the first are the same one: `timeout` and others send it to a process and to its group.
const ONE: Duration = Duration::from_millis(300);
/// The exit code after a second signal, as shells have it for SIGINT.
const AGAIN: i32 = 130;

/// What the command line adds to the plan.
#[derive(Clone)]
pub struct Settings {
    /// Threads that read and count, at least 1.
    pub lanes: usize,
    /// Where to write a recording.
    pub record: Option<PathBuf>,
    /// Where state is kept.
    pub state: Option<PathBuf>,
    /// Reads the plan again.
    pub load: Arc<Load>,
    /// Whether files are others than those that were read last.
    pub changed: Arc<Changed>,
    /// Writes out the log, before the process is ended at once.
    pub last_words: fn(),
}

/// Why the daemon did not start, or ended otherwise than by a signal.
pub enum Failure {
    /// One line: what, where, why.
    Start(String),
    /// Standard output takes no more; and what was counted.
    Output(io::Error, Arc<Counters>),
}

/// All that is open before anything starts.
struct Opened {
    doors: Vec<(std::net::TcpListener, Source, crate::plan::EventTime, Option<tokio_rustls::TlsAcceptor>)>,
    sockets: Vec<(std::net::UdpSocket, crate::plan::EventTime)>,
    recorder: Option<Arc<Recorder>>,
    started: Clocks,
    evaluator: Evaluator,
    keeper: Option<(Arc<Keeper>, JoinHandle<()>)>,
    outbox: Outbox,
    kept: Option<deliver::Kept>,
}

/// What tells the main thread to stop.
enum Stop {
    Signal(&'static str),
    Output(io::Error),
}

/// Runs the daemon until a signal or a failure ends it; returns what was counted.
///
/// # Errors
/// Something could not be opened: then nothing was started. Or standard output takes no more.
pub fn run(plan: Plan, settings: &Settings) -> Result<Arc<Counters>, Failure> {
    let plan = Arc::new(plan);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Start(format!("no runtime: {error}")))?;
    {
        // A file that may grow no more is an error like a full disk, and no reason to end: so the signal has a receiver,
        // which stays when it is dropped.
        let _entered = runtime.enter();
        let signal = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
        drop(signal.map_err(|error| Failure::Start(format!("cannot start: {error}")))?);
    }
    let opened = open(&plan, settings)?;
    let tasks = tokio::task::LocalSet::new();
    tasks.block_on(&runtime, serve(plan, settings, opened))
}

fn open(plan: &Arc<Plan>, settings: &Settings) -> Result<Opened, Failure> {
    let server = &plan.server;
    let mut doors = Vec::new();
    for (listeners, source) in [(&server.tcp, Source::Tcp), (&server.http, Source::Http)] {
        for listener in listeners {
            doors.push((listen(listener.address, source)?, source, listener.time, None));
        }
    }
    for listener in &server.tls {
        let acceptor = tls::acceptor(listener).map_err(Failure::Start)?;
        let address = listener.listener.address;
        doors.push((listen(address, Source::Tls)?, Source::Tls, listener.listener.time, Some(acceptor)));
    }
    let mut sockets = Vec::new();
    for listener in &server.udp {
        sockets.push((bind_udp(listener.address)?, listener.time));
    }
    let state =
        settings.state.as_deref().map(|folder| state::open(folder, plan)).transpose().map_err(Failure::Start)?;
    let started = Clocks::now();
    let (evaluator, keeper) = match state {
        Some((evaluator, keeper)) => (evaluator, Some(keeper)),
        None => (state::fresh(plan, started), None),
    };
    let known = known(&evaluator, keeper.as_ref().map(|(keeper, _)| keeper.as_ref()));
    let is_known = |id: &str| known.contains(id);
    let (outbox, kept) = open_outbox(plan, settings.state.as_deref(), &is_known, started.wall)?;
    if let Some((keeper, _)) = &keeper {
        keeper.number_from(outbox.taken());
    }
    let recorder = match &settings.record {
        None => None,
        Some(path) => {
            let recorder = Recorder::create(path, started.wall).map_err(|error| {
                let remedy =
                    if error.kind() == io::ErrorKind::AlreadyExists { "; give the name of a new file" } else { "" };
                Failure::Start(format!("--record: {}: {error}{remedy}", path.display()))
            })?;
            Some(Arc::new(recorder))
        }
    };
    Ok(Opened { doors, sockets, recorder, started, evaluator, keeper, outbox, kept })
}

/// The violations that go on, and those whose end is still to be handed over.
fn known(evaluator: &Evaluator, keeper: Option<&Keeper>) -> HashSet<String> {
    let mut known: HashSet<String> = evaluator.violations().into_iter().collect();
    for (_, line) in keeper.map(Keeper::untold).unwrap_or_default() {
        known.extend(Notice::read(&line).map(|notice| notice.violation_id().to_string()));
    }
    known
}

/// What is still to be told, where a process before left it.
fn open_outbox(
    plan: &Plan,
    state: Option<&Path>,
    is_known: &dyn Fn(&str) -> bool,
    now: Timestamp,
) -> Result<(Outbox, Option<deliver::Kept>), Failure> {
    let directory = Directory::of(&plan.routing, plan.limits.queue);
    match state {
        None => Ok((Outbox::new(directory), None)),
        Some(folder) => {
            let (outbox, kept) =
                deliver::open(&folder.join("outbox"), directory, is_known, now).map_err(Failure::Start)?;
            Ok((outbox, Some(kept)))
        }
    }
}

fn listen(address: SocketAddr, source: Source) -> Result<std::net::TcpListener, Failure> {
    let attempt = || {
        let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::STREAM, None)?;
        // A restart must not wait for connections of the last run to be forgotten.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(accept::BACKLOG)?;
        Ok(std::net::TcpListener::from(socket))
    };
    attempt().map_err(|error| cannot_listen(source, address, &error))
}

fn bind_udp(address: SocketAddr) -> Result<std::net::UdpSocket, Failure> {
    let attempt = || {
        let socket = socket2::Socket::new(socket2::Domain::for_address(address), socket2::Type::DGRAM, None)?;
        let _ = socket.set_recv_buffer_size(UDP_BUFFER);
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        Ok(std::net::UdpSocket::from(socket))
    };
    attempt().map_err(|error| cannot_listen(Source::Udp, address, &error))
}

fn cannot_listen(source: Source, address: SocketAddr, error: &io::Error) -> Failure {
    let name = source.name();
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => match source {
            Source::Tls => {
                "; another process listens there, perhaps a Riemann: stop it, or change `:server {:tls …}`".into()
            }
            _ => format!("; another process listens there, perhaps a Riemann: stop it, or give `--{name} ADDR`"),
        },
        io::ErrorKind::PermissionDenied => "; ports below 1024 need a privilege".to_string(),
        io::ErrorKind::AddrNotAvailable => "; this machine has no such address".to_string(),
        _ => String::new(),
    };
    Failure::Start(format!("cannot listen on {name} {address}: {error}{remedy}"))
}

async fn serve(plan: Arc<Plan>, settings: &Settings, mut opened: Opened) -> Result<Arc<Counters>, Failure> {
    let start = |error: io::Error| Failure::Start(format!("cannot start: {error}"));
    let mut signals = Signals::new(settings.last_words).map_err(start)?;
    let counters = Arc::new(Counters::default());
    counters.alive.store(u64::try_from(opened.started.boot).unwrap_or(0), Relaxed);
    let most = files::make_room(plan.server.connections.saturating_mul(2), settings.lanes) / 2;
    let stopping = Arc::new(AtomicBool::new(false));
    let (requests, inbox) = std_mpsc::channel();
    let evaluator = std::mem::replace(&mut opened.evaluator, Evaluator::nothing());
    let (keeper, syncing) = opened.keeper.take().unzip();
    if let Some(keeper) = &keeper {
        keeper.serve(requests.clone());
    }
    let published = Arc::new(Mutex::new(Arc::new(Published::of(&plan, &evaluator))));
    let (reloading, reload_requests) = mpsc::unbounded_channel();
    let reloads = Arc::new(Reloads::default());
    let deliveries = Arc::new(Deliveries::default());
    let page = Page {
        server: Arc::new(plan.server.clone()),
        judge: requests.clone(),
        published: Arc::clone(&published),
        stopping: Arc::clone(&stopping),
        reloads: Arc::clone(&reloads),
        reloading: reloading.clone(),
        deliveries: Arc::clone(&deliveries),
        places: Places::default(),
    };

    let counting = |lane| Arc::new(Mutex::new(Counting::new(lane, &plan, opened.recorder.is_some())));
    let countings: Vec<_> = evaluator.lanes(settings.lanes).into_iter().map(counting).collect();
    let desks = start_desks(&plan, &countings, &counters, &opened, &page, keeper.as_ref()).map_err(start)?;
    let senders: Vec<_> = desks.iter().map(|desk| desk.requests.clone()).collect();

    let follower = follow(&plan, settings, &countings[0], &counters, &opened, keeper.as_ref()).map_err(start)?;
    let (logs, following) = follower.map(|logs::Follower { requests, thread }| (requests, thread)).unzip();

    let (failed, failure) = oneshot::channel();
    let telling = deliver::Settings {
        routing: plan.routing.clone(),
        outbox: std::mem::take(&mut opened.outbox),
        kept: opened.kept.take(),
        dead_letters: settings.state.as_ref().map(|folder| folder.join("dead-letters.jsonl")),
        origin: keeper.clone().map(|keeper| keeper as Arc<dyn Origin>),
        now: || deliver::Now { wall: clock::wall(), boot: clock::boot() },
        deliveries: Arc::clone(&deliveries),
        trouble: trouble(&counters, &stopping, keeper.as_ref()),
    };
    let (out, courier) = deliver::start(telling, move |error| drop(failed.send(error))).map_err(start)?;
    let (snapshots, snapshot_writer) = state::write_snapshots(keeper.clone()).map_err(start)?;
    let (acceptor, accepting) = mpsc::unbounded_channel();
    let judge = Judge {
        plan: Arc::clone(&plan),
        evaluator,
        countings,
        desks: senders.clone(),
        logs,
        acceptor,
        out,
        keeper: keeper.clone(),
        snapshots,
        recorder: opened.recorder.clone(),
        counters: Arc::clone(&counters),
        published,
        notices: Notices::default(),
        reloads: Arc::clone(&reloads),
        deliveries: Arc::clone(&deliveries),
        backlog: std::collections::VecDeque::new(),
        numbered: 0,
        last: opened.started,
        done: opened.started.boot,
        caught_up: opened.started.boot,
    };
    let (ended, end) = oneshot::channel();
    let judging = std::thread::Builder::new()
        .name("judge".to_string())
        .spawn(move || {
            judge.run(&inbox);
            let _ = ended.send(());
        })
        .map_err(start)?;

    let reception = Rc::new(Reception { desks: senders, counters: Arc::clone(&counters), most, next: Cell::new(0) });
    let doors = open_doors(opened, &desks, &reception).map_err(start)?;
    let answering = tokio::task::spawn_local(accept::answer(accepting, Rc::clone(&reception)));
    let load = Arc::clone(&settings.load);
    let judge = requests.clone();
    let is_watched = Arc::new(AtomicBool::new(plan.watch));
    let watching = Arc::clone(&is_watched);
    let reload = reload::answer(reload_requests, load, Arc::clone(&plan), judge, reloads, is_watched);
    let reloader = tokio::task::spawn_local(reload);
    let watcher = tokio::task::spawn_local(watch::watch(Arc::clone(&settings.changed), watching, reloading.clone()));

    let watched = if plan.watch { "; files that change are read again" } else { "" };
    let (count, s) = (plan.thresholds.len(), if plan.thresholds.len() == 1 { "" } else { "s" });
    tracing::info!("watching {count} threshold{s}{watched}");
    let why = tokio::select! {
        name = signals.stop(&reloading) => Stop::Signal(name),
        Ok(error) = failure => Stop::Output(error),
    };
    let asked = Instant::now();
    stopping.store(true, Relaxed);
    for door in doors {
        door.abort();
        let _ = door.await;
    }
    if let Stop::Signal(name) = &why {
        tracing::info!("{name}: stopping; a second one ends at once");
    }
    let _ = requests.send(judge::Request::Stop);
    signals.unless_again(end, asked, &reloading).await;
    watcher.abort();
    reloader.abort();
    answering.abort();
    let _ = answering.await;
    drop(reception);
    // The judge has dropped the queue of the courier, and nobody else asks the lane threads.
    let (ended, end) = oneshot::channel();
    let last = move || {
        let _ = judging.join();
        // The judge was the last to ask.
        let _ = following.map(JoinHandle::join);
        for Desk { requests, thread } in desks {
            drop(requests);
            let _ = thread.join();
        }
        let _ = courier.join();
        let _ = snapshot_writer.join();
        // The thread that syncs sees that nobody keeps anything any more.
        drop(keeper);
        let _ = syncing.map(JoinHandle::join);
        let _ = ended.send(());
    };
    // On a thread: whoever does not read our standard output must not keep a second signal from being heard.
    if std::thread::Builder::new().name("end".to_string()).spawn(last).is_ok() {
        signals.unless_again(end, asked, &reloading).await;
    }
    match why {
        Stop::Signal(_) => Ok(counters),
        Stop::Output(error) => Err(Failure::Output(error, counters)),
    }
}

/// Asked before each heartbeat: why events are not taken, not kept, or windows not judged on time.
fn trouble(
    counters: &Arc<Counters>,
    stopping: &Arc<AtomicBool>,
    keeper: Option<&Arc<Keeper>>,
) -> Box<dyn Fn() -> Option<String> + Send> {
    let (counters, stopping, keeper) = (Arc::clone(counters), Arc::clone(stopping), keeper.cloned());
    Box::new(move || {
        if stopping.load(Relaxed) {
            return Some("the daemon is stopping".to_string());
        }
        let late = late_judge(&counters).map(|seconds| format!("no window could be closed for {seconds} seconds"));
        late.or_else(|| keeper.as_ref()?.trouble().map(|trouble| format!("state cannot be kept: {trouble}")))
    })
}

/// Starts to follow log files, if there are any to be followed.
fn follow(
    plan: &Plan,
    settings: &Settings,
    counting: &Arc<Mutex<Counting>>,
    counters: &Arc<Counters>,
    opened: &Opened,
    keeper: Option<&Arc<Keeper>>,
) -> io::Result<Option<logs::Follower>> {
    if let Some(keeper) = keeper {
        keeper.follow_only(|name| plan.sources.iter().any(|source| source.name == name));
    }
    if plan.sources.is_empty() {
        return Ok(None);
    }
    let rejects = logs::rejects(settings.state.as_deref());
    if let Some(folder) = &rejects {
        std::fs::create_dir_all(folder)?;
    }
    let applying = applying(plan, counting, counters, opened, keeper);
    let positions = keeper.map(|keeper| keeper.positions()).unwrap_or_default();
    logs::start(&plan.sources, &positions, rejects.as_deref(), applying).map(Some)
}

/// What a lane thread needs.
fn applying(
    plan: &Plan,
    counting: &Arc<Mutex<Counting>>,
    counters: &Arc<Counters>,
    opened: &Opened,
    keeper: Option<&Arc<Keeper>>,
) -> Applying {
    Applying {
        counting: Arc::clone(counting),
        counters: Arc::clone(counters),
        recorder: opened.recorder.clone(),
        keeper: keeper.cloned(),
        limits: plan.limits,
    }
}

fn start_desks(
    plan: &Plan,
    countings: &[Arc<Mutex<Counting>>],
    counters: &Arc<Counters>,
    opened: &Opened,
    page: &Page,
    keeper: Option<&Arc<Keeper>>,
) -> io::Result<Vec<Desk>> {
    let idle = Duration::from_micros(u64::try_from(plan.server.idle).unwrap_or(0));
    let mut desks = Vec::new();
    for (i, counting) in countings.iter().enumerate() {
        let applying = applying(plan, counting, counters, opened, keeper);
        desks.push(desk::start(format!("lane-{i}"), applying, page.clone(), idle)?);
    }
    Ok(desks)
}

/// Begins to accept; says where.
fn open_doors(
    opened: Opened,
    desks: &[Desk],
    reception: &Rc<Reception>,
) -> io::Result<Vec<tokio::task::JoinHandle<()>>> {
    let mut doors = Vec::new();
    for (listener, source, time, tls) in opened.doors {
        let address = listener.local_addr()?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let door = Rc::new(Door { listener, source, time, tls });
        doors.push(tokio::task::spawn_local(accept::accept(door, Rc::clone(reception))));
        tracing::info!("listening on {} {address}", source.name());
    }
    for (i, (socket, time)) in opened.sockets.into_iter().enumerate() {
        let address = socket.local_addr()?;
        let _ = desks[i % desks.len()].requests.send(desk::Request::Listen(socket, time));
        tracing::info!("listening on udp {address}");
    }
    Ok(doors)
}

type Reloading = mpsc::UnboundedSender<reload::Request>;

/// The signals that the daemon answers.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
    last_words: fn(),
}

impl Signals {
    fn new(last_words: fn()) -> io::Result<Signals> {
        Ok(Signals {
            last_words,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the end of something; another signal ends the process at once.
    async fn unless_again(&mut self, mut end: oneshot::Receiver<()>, since: Instant, reloading: &Reloading) {
        loop {
            tokio::select! {
                _ = &mut end => return,
                name = self.stop(reloading) => {
                    if since.elapsed() < ONE {
                        continue;
                    }
                    tracing::warn!("{name}: ended at once");
                    (self.last_words)();
                    std::process::exit(AGAIN);
                }
            }
        }
    }

    /// Waits for a signal to stop. Others ask for a reload.
    async fn stop(&mut self, reloading: &Reloading) -> &'static str {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return "SIGTERM",
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.hang_up.recv() => {
                    let _ = reloading.send(reload::Request { why: "SIGHUP", reply: None });
                }
            }
        }
    }
}

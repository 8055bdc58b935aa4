//! A load generator for Riemann's protocol over TCP: frames that never repeat, pipelined, every answer checked.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use crate::random::Random;

/// The one answer to a message that was applied.
const ACK: [u8; 6] = [0, 0, 0, 2, 0x10, 1];
/// Without an answer there are at most so many bytes of frames, and at least two frames.
const UNANSWERED: usize = 512 << 10;
/// So many bytes of frames are written at a time.
const CHUNK: usize = 64 << 10;
/// Answers are read in buffers of this size, a multiple of theirs.
const ANSWERS: usize = ACK.len() << 12;
/// A server that says nothing for so long is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// Frames of Riemann's protocol from a seed.
///
/// An event has 70 to 105 bytes: state, service, host, one attribute, its time in microseconds, and a metric that is a
/// double three times in four, else whole. Events with all their times do not repeat, so frames do not either.
#[derive(Clone)]
pub struct Frames {
    /// What an event begins with: all but the time and the metric.
    beginnings: Vec<Box<[u8]>>,
    metrics: Vec<f64>,
    random: Random,
    /// The time of the last event.
    micros: u64,
    /// So far back events may be, in microseconds.
    back: u64,
}

impl Frames {
    /// Any service with any host and any status code, all equally often.
    pub fn new(seed: u64, services: &[String], hosts: &[String], codes: &[String]) -> Frames {
        let mut beginnings = Vec::new();
        for service in services {
            for host in hosts {
                beginnings.extend(codes.iter().map(|code| beginning(service, host, code)));
            }
        }
        let mut random = Random::new(seed);
        // Milliseconds, as in the other benches: a standard deviation of one decade.
        let metrics = (0..1 << 16).map(|_| 10f64.powf(1.5 + random.normal())).collect();
        Frames { beginnings, metrics, random, micros: 0, back: 0 }
    }

    /// Events that happened at any time of the last so many seconds.
    pub fn over(self, seconds: u64) -> Frames {
        Frames { back: seconds * 1_000_000, ..self }
    }

    /// Metrics of any size that a double can have.
    pub fn of_any_size(mut self) -> Frames {
        let random = &mut self.random;
        self.metrics.fill_with(|| 10f64.powf(random.unit() * 600.0 - 300.0));
        self
    }

    /// Appends a frame of so many events, which happen now.
    pub fn append(&mut self, events: usize, out: &mut Vec<u8>) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_micros();
        self.micros = self.micros.max(u64::try_from(now).expect("before the year 500,000"));
        let start = out.len();
        out.extend_from_slice(&[0; 4]);
        for _ in 0..events {
            self.micros += 1;
            let draw = self.random.next();
            let beginning = &self.beginnings[(draw as u32 as usize) % self.beginnings.len()];
            let metric = self.metrics[(draw >> 32) as usize % self.metrics.len()];
            let event = out.len();
            out.extend_from_slice(&[0x32, 0]);
            out.extend_from_slice(beginning);
            out.push(0x50); // time_micros
            let back = if self.back == 0 { 0 } else { self.random.next() % self.back };
            varint(self.micros - back, out);
            if draw >> 62 == 0 {
                out.push(0x68); // metric_sint64, whose positive numbers are doubled
                varint((metric as u64) << 1, out);
            } else {
                out.push(0x71); // metric_d
                out.extend_from_slice(&metric.to_le_bytes());
            }
            let length = out.len() - event;
            assert!((70..=105).contains(&length), "an event of {length} bytes");
            out[event + 1] = (length - 2) as u8;
        }
        let length = u32::try_from(out.len() - start - 4).expect("less than 4 GB");
        out[start..start + 4].copy_from_slice(&length.to_be_bytes());
    }
}

fn beginning(service: &str, host: &str, code: &str) -> Box<[u8]> {
    let mut out = Vec::new();
    field(0x12, "ok", &mut out);
    field(0x1a, service, &mut out);
    field(0x22, host, &mut out);
    let mut attribute = Vec::new();
    field(0x0a, "status-code", &mut attribute);
    field(0x12, code, &mut attribute);
    out.extend_from_slice(&[0x4a, attribute.len() as u8]);
    out.extend_from_slice(&attribute);
    out.into()
}

fn field(tag: u8, text: &str, out: &mut Vec<u8>) {
    assert!(text.len() < 128);
    out.extend_from_slice(&[tag, text.len() as u8]);
    out.extend_from_slice(text.as_bytes());
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A connection that counts and checks its answers.
pub struct Connection {
    stream: TcpStream,
    answers: Answers,
    sent: u64,
    chunk: Vec<u8>,
}

/// The answers of a connection, byte for byte.
struct Answers {
    bytes: u64,
    buffer: Box<[u8]>,
}

impl Connection {
    pub fn open(address: SocketAddr) -> Connection {
        let stream = TcpStream::connect(address).expect("the daemon listens");
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let answers = Answers { bytes: 0, buffer: vec![0; ANSWERS].into() };
        Connection { stream, answers, sent: 0, chunk: Vec::new() }
    }

    /// Sends so many events in frames of `batch`, as fast as they are answered, and waits for the last answer.
    pub fn send(&mut self, frames: &mut Frames, events: usize, batch: usize) {
        let unanswered = (UNANSWERED / (90 * batch)).max(2) as u64;
        let mut left = events / batch;
        while left > 0 {
            self.chunk.clear();
            let mut written = 0;
            while left > 0 && self.chunk.len() < CHUNK && written < unanswered / 2 {
                frames.append(batch, &mut self.chunk);
                left -= 1;
                written += 1;
            }
            self.stream.write_all(&self.chunk).expect("the daemon reads");
            self.sent += written;
            // Half of them are on their way while others are made, so that the daemon never waits.
            self.read_until(self.sent.saturating_sub(unanswered / 2));
        }
        self.read_until(self.sent);
    }

    /// Writes one frame and waits for nothing.
    pub fn write(&mut self, frames: &mut Frames, batch: usize) {
        self.chunk.clear();
        frames.append(batch, &mut self.chunk);
        self.stream.write_all(&self.chunk).expect("the daemon reads");
        self.sent += 1;
    }

    /// Waits until all that was written is answered, but for the last frame.
    pub fn await_all_but_last(&mut self) {
        self.read_until(self.sent.saturating_sub(1));
    }

    /// Waits until all that was written is answered.
    pub fn settle(&mut self) {
        self.read_until(self.sent);
    }

    fn read_until(&mut self, answered: u64) {
        while self.answers.count() < answered {
            assert!(self.answers.read(&mut self.stream).expect("answers come") > 0, "closed by the daemon");
        }
    }
}

impl Answers {
    fn count(&self) -> u64 {
        self.bytes / ACK.len() as u64
    }

    /// Reads once; every byte is that of an ack.
    fn read(&mut self, stream: &mut TcpStream) -> io::Result<usize> {
        let read = stream.read(&mut self.buffer)?;
        let at = self.bytes as usize % ACK.len();
        let expected = ACK.iter().cycle().skip(at);
        let fine = self.buffer[..read].iter().zip(expected).all(|(found, expected)| found == expected);
        assert!(fine, "no ack: {}", String::from_utf8_lossy(&self.buffer[..read]));
        self.bytes += read as u64;
        Ok(read)
    }
}

/// When a frame was due, and how long after that it was answered.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    pub due: Instant,
    pub took: Duration,
    /// How much of that went by before it was sent. Unless more is unanswered than sockets hold, the load generator itself
    /// was late: it shares its cores with the daemon, and with what else the machine does.
    pub late: Duration,
}

impl Answered {
    /// Counted from when it was sent.
    pub fn since_sent(self) -> Answered {
        Answered { due: self.due + self.late, took: self.took.saturating_sub(self.late), late: Duration::ZERO }
    }
}

/// Sends at a rate of events a second, whether the answers come or not.
///
/// A frame that could not be sent in time counts from when it was due.
pub fn pace(address: SocketAddr, mut frames: Frames, rate: u32, batch: u32, during: Duration) -> Vec<Answered> {
    let mut connection = Connection::open(address);
    // What both sides do for the first time is not measured.
    connection.send(&mut frames, 10_000, batch as usize);
    let period = Duration::from_secs(1) * batch / rate;
    let count = (during.as_nanos() / period.as_nanos()) as u32;
    let start = Instant::now() + period;
    let mut reading = connection.stream.try_clone().expect("a socket");
    let mut answers = Answers { bytes: 0, buffer: vec![0; ANSWERS].into() };
    let reader = thread::spawn(move || {
        let mut answered = Vec::with_capacity(count as usize);
        while answered.len() < count as usize {
            assert!(answers.read(&mut reading).expect("answers come") > 0, "closed by the server");
            let now = Instant::now();
            while (answered.len() as u64) < answers.count() {
                let due = start + period * answered.len() as u32;
                answered.push(Answered { due, took: now.saturating_duration_since(due), late: Duration::ZERO });
            }
        }
        answered
    });
    let mut late = Vec::with_capacity(count as usize);
    for i in 0..count {
        let due = start + period * i;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        late.push(due.elapsed());
        connection.write(&mut frames, batch as usize);
    }
    let mut answered = reader.join().expect("every answer was an ack");
    answered.iter_mut().zip(late).for_each(|(answered, late)| answered.late = late);
    answered
}

/// A server that only cuts frames and answers them: what remains is what a daemon adds.
///
/// It serves one connection on a thread of its own, then tells the CPU seconds that it took.
pub fn echo() -> (SocketAddr, JoinHandle<f64>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback");
    let address = listener.local_addr().expect("bound");
    let server = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        let before = thread_cpu_seconds();
        let mut buffer = vec![0; 256 << 10];
        let mut kept = 0;
        let mut answers = Vec::new();
        loop {
            let read = stream.read(&mut buffer[kept..]).expect("frames come");
            if read == 0 {
                return thread_cpu_seconds() - before;
            }
            let end = kept + read;
            let mut at = 0;
            while let Some(length) = buffer[at..end].first_chunk::<4>() {
                let next = at + 4 + u32::from_be_bytes(*length) as usize;
                if next > end {
                    break;
                }
                at = next;
                answers.extend_from_slice(&ACK);
            }
            buffer.copy_within(at..end, 0);
            kept = end - at;
            stream.write_all(&answers).expect("answers are read");
            answers.clear();
        }
    });
    (address, server)
}

/// CPU seconds of this thread.
pub fn thread_cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

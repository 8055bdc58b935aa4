//! Riemann's messages as its `proto.proto` has them, for those who send.
//!
//! Texts are bytes, which is the same on the wire: events keep what came, UTF-8 or not.

use prost::Message;

/// What one frame or datagram holds.
#[derive(Clone, PartialEq, Message)]
pub struct Msg {
    #[prost(bool, optional, tag = "2")]
    pub ok: Option<bool>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub error: Option<Vec<u8>>,
    #[prost(message, repeated, tag = "4")]
    pub states: Vec<State>,
    #[prost(message, optional, tag = "5")]
    pub query: Option<Query>,
    #[prost(message, repeated, tag = "6")]
    pub events: Vec<Event>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Event {
    /// Whole seconds since 1970.
    #[prost(int64, optional, tag = "1")]
    pub time: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub state: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub service: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub host: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    pub description: Option<Vec<u8>>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub tags: Vec<Vec<u8>>,
    /// In seconds.
    #[prost(float, optional, tag = "8")]
    pub ttl: Option<f32>,
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<Attribute>,
    #[prost(int64, optional, tag = "10")]
    pub time_micros: Option<i64>,
    #[prost(sint64, optional, tag = "13")]
    pub metric_sint64: Option<i64>,
    #[prost(double, optional, tag = "14")]
    pub metric_d: Option<f64>,
    #[prost(float, optional, tag = "15")]
    pub metric_f: Option<f32>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Attribute {
    #[prost(bytes = "vec", required, tag = "1")]
    pub key: Vec<u8>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub value: Option<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
pub struct Query {
    #[prost(bytes = "vec", optional, tag = "1")]
    pub string: Option<Vec<u8>>,
}

/// What clients of long ago sent for events.
#[derive(Clone, PartialEq, Message)]
pub struct State {
    #[prost(int64, optional, tag = "1")]
    pub time: Option<i64>,
    #[prost(bytes = "vec", optional, tag = "2")]
    pub state: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "3")]
    pub service: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "4")]
    pub host: Option<Vec<u8>>,
    #[prost(bytes = "vec", optional, tag = "5")]
    pub description: Option<Vec<u8>>,
    #[prost(bool, optional, tag = "6")]
    pub once: Option<bool>,
    #[prost(bytes = "vec", repeated, tag = "7")]
    pub tags: Vec<Vec<u8>>,
    #[prost(float, optional, tag = "8")]
    pub ttl: Option<f32>,
}

use crate::engine::{Fields, Value};
use crate::plan::{Field, Route, Timestamp};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
pub trait Record: Fields + Clone + Serialize + DeserializeOwned {
    fn id(&self) -> &str;
    fn set(&mut self, field: &Field, value: &Value<'_>);
}
#[derive(Clone, Debug)]
pub struct Sending<R> {
    pub notifier: String,
    pub batch: Vec<R>,
}
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Router<R> {
    routes: Vec<Route>,
    p: std::marker::PhantomData<R>,
}
impl<R> Default for Router<R> {
    fn default() -> Self {
        Router { routes: vec![], p: std::marker::PhantomData }
    }
}
impl<R: Clone> Router<R> {
    pub fn new(routes: Vec<Route>) -> Self {
        Router { routes, p: std::marker::PhantomData }
    }
    pub fn pass(&mut self, record: R, _now: Timestamp, out: &mut Vec<Sending<R>>) {
        for r in &self.routes {
            if let Route::Notify(n) = r {
                for n in n {
                    out.push(Sending { notifier: n.clone(), batch: vec![record.clone()] });
                }
            }
        }
    }
    pub fn note(&mut self, _r: &R, _now: Timestamp) {}
    pub fn advance(&mut self, _now: Timestamp, _o: &mut Vec<Sending<R>>) {}
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }
    pub fn release(&mut self, _id: &str, _now: Timestamp, _o: &mut Vec<Sending<R>>) {}
    pub fn pending(&self) -> usize {
        0
    }
    pub fn edited(self, routes: Vec<Route>, _now: Timestamp, _o: &mut Vec<Sending<R>>) -> Self {
        Router { routes, p: self.p }
    }
}

//! stub
pub struct Zone;
impl Zone {
    pub fn named(_: &str) -> Result<Zone, String> { Ok(Zone) }
}

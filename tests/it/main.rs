mod edn_read;
mod laws;
mod model;
mod replay_model;

mod edn_read;
mod model;
mod replay_model;

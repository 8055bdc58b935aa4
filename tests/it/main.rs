mod edn_read;
mod edn_render;
mod laws;
mod model;
mod replay_model;

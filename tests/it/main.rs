mod model;
mod replay_model;

mod edn_forms;
mod edn_laws;
mod edn_oracles;
mod edn_read;
mod edn_render;

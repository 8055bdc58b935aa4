mod edn_read;
mod edn_render;

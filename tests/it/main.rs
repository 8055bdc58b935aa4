mod source;
mod source_input;
mod source_json;
mod source_log;

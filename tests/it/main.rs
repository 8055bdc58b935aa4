mod edn_read;

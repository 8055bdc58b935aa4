//! Zstandard streams of several frames.

use std::io::{self, BufRead, Read};

use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};

/// The largest window that is read: what `zstd -19` writes.
const WINDOW: u64 = 8 << 20;

/// The text of a stream of frames; memory is bounded by [`WINDOW`].
pub struct Zstd<R> {
    from: R,
    decoder: FrameDecoder,
    in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    pub fn new(from: R) -> Zstd<R> {
        let mut decoder = FrameDecoder::new();
        decoder.set_max_window_size(WINDOW);
        Zstd { from, decoder, in_frame: false }
    }

    /// Begins the next frame, passing over those that hold no text; false at the end.
    fn next_frame(&mut self) -> io::Result<bool> {
        loop {
            if self.from.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.init(&mut self.from) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    let skipped = io::copy(&mut (&mut self.from).take(u64::from(length)), &mut io::sink())?;
                    if skipped < u64::from(length) {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(self.explain(error)),
            }
        }
    }

    fn explain(&mut self, error: FrameDecoderError) -> io::Error {
        let text = match error {
            FrameDecoderError::WindowSizeTooBig { .. } => {
                "the zstd window is larger than 8 MiB: unpack it with `zstd -dc --long=31` and read `-`".to_owned()
            }
            other if self.from.fill_buf().is_ok_and(<[u8]>::is_empty) => {
                return io::Error::new(io::ErrorKind::UnexpectedEof, other.to_string());
            }
            other => format!("the zstd stream is damaged: {other}"),
        };
        io::Error::new(io::ErrorKind::InvalidData, text)
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            if !self.in_frame {
                self.in_frame = self.next_frame()?;
                if !self.in_frame {
                    return Ok(0);
                }
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                if let Err(error) = self.decoder.decode_blocks(&mut self.from, BlockDecodingStrategy::UptoBlocks(1)) {
                    return Err(self.explain(error));
                }
            }
            let length = self.decoder.read(into)?;
            if length > 0 || into.is_empty() {
                return Ok(length);
            }
            self.in_frame = false;
            if self.decoder.get_checksum_from_data() != self.decoder.get_calculated_checksum()
                && self.decoder.get_checksum_from_data().is_some()
            {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the zstd stream is damaged: checksum"));
            }
        }
    }
}

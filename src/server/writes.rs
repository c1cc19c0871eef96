//! A bound on how long a client may take to read an answer.
//!
//! In: a connection. Out: the same, whose writes fail once something that was to be sent has waited too long. hyper bounds how
//! slowly a request may come, not how slowly an answer may go; without this, a client that stops reading would hold a
//! connection, and its answer in memory, for as long as it likes.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A connection whose writes are bounded in time.
#[derive(Debug)]
pub(super) struct Writes<S> {
    stream: S,
    bound: Duration,
    /// Runs from the first write that had to wait until everything is written.
    waits: Option<Pin<Box<Sleep>>>,
}

impl<S> Writes<S> {
    pub(super) fn within(bound: Duration, stream: S) -> Self {
        Self { stream, bound, waits: None }
    }

    fn bounded<T>(&mut self, written: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if written.is_pending() {
            let bound = self.bound;
            let waits = self.waits.get_or_insert_with(|| Box::pin(sleep(bound)));
            ready!(waits.as_mut().poll(context));
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client did not read its answer")));
        }
        written
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Writes<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Writes<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(written, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, buffers);
        self.bounded(written, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// hyper flushes once it has nothing left to write: the answer is then out of our hands.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        if matches!(flushed, Poll::Ready(Ok(()))) {
            self.waits = None;
        }
        self.bounded(flushed, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let ended = Pin::new(&mut self.stream).poll_shutdown(context);
        self.bounded(ended, context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    const BOUND: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_is_given_up() {
        let (stream, mut client) = duplex(64);
        let mut stream = Writes::within(BOUND, stream);
        let began = Instant::now();
        // A client that reads a byte now and then does not gain time by it.
        let drip = async {
            loop {
                sleep(Duration::from_secs(7)).await;
                if client.read_u8().await.is_err() {
                    return;
                }
            }
        };
        let error = tokio::select! {
            written = stream.write_all(&[b'x'; 1_000]) => written.expect_err("it waits for too long"),
            () = drip => panic!("the connection ended"),
        };
        assert_eq!((error.kind(), began.elapsed()), (io::ErrorKind::TimedOut, BOUND));
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_has_its_own_bound() {
        let (stream, mut client) = duplex(64);
        let mut stream = Writes::within(BOUND, stream);
        for _ in 0..5 {
            let slowly = async {
                let mut taken = [0; 20];
                for _ in 0..5 {
                    sleep(Duration::from_secs(10)).await;
                    client.read_exact(&mut taken).await.expect("read");
                }
            };
            let answer = async {
                stream.write_all(&[b'x'; 100]).await.expect("in time");
                stream.flush().await.expect("in time");
            };
            tokio::join!(answer, slowly);
        }
    }
}

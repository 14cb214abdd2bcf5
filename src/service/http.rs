//! A loopback endpoint that says how the daemon is: `/health`, `/ready`, `/metrics`. Off unless configured; never a value of a
//! record. It answers on a thread of its own, so that it also does while a pass is made.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HOST};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tracing::{debug, info};

use super::health::Health;

/// So many ask at once; the next ones wait.
const CONNECTIONS: usize = 8;
/// Who has not asked by then asks nothing.
const PATIENCE: Duration = Duration::from_secs(5);
/// No question needs more bytes.
const LONGEST_HEAD: usize = 8 << 10;

/// Begins to serve on a loopback address.
///
/// # Errors
/// Those of listening.
pub fn serve(address: SocketAddr, health: Arc<Health>) -> io::Result<()> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || runtime.block_on(accept(listener, address, health)))?;
    info!(%address, "answering /health, /ready and /metrics");
    Ok(())
}

async fn accept(listener: std::net::TcpListener, address: SocketAddr, health: Arc<Health>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let free = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(permit) = Arc::clone(&free).acquire_owned().await else {
            return;
        };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let health = Arc::clone(&health);
        tokio::spawn(async move {
            let service = service_fn(|request| {
                let response = respond(&request, address, &health);
                async move { Ok::<_, Infallible>(response) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .max_buf_size(LONGEST_HEAD)
                .keep_alive(false)
                .serve_connection(TokioIo::new(stream), service);
            if !matches!(
                tokio::time::timeout(PATIENCE * 2, connection).await,
                Ok(Ok(()))
            ) {
                debug!("a question was not answered");
            }
            drop(permit);
        });
    }
}

fn respond(
    request: &Request<Incoming>,
    address: SocketAddr,
    health: &Health,
) -> Response<Full<Bytes>> {
    let host = request
        .headers()
        .get(HOST)
        .and_then(|host| host.to_str().ok());
    if !is_local(host, address.port()) {
        return text(StatusCode::FORBIDDEN, "ask for localhost\n".to_owned());
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        return text(
            StatusCode::METHOD_NOT_ALLOWED,
            "only GET and HEAD\n".to_owned(),
        );
    }
    let well = |is_well: bool| match is_well {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    };
    match request.uri().path() {
        "/health" => {
            let body = format!("{:#}\n", health.json());
            of_type(well(health.complaint().is_none()), "application/json", body)
        }
        "/ready" => match health.is_ready() {
            true => text(StatusCode::OK, "ready\n".to_owned()),
            false => text(well(false), "no pass was made yet\n".to_owned()),
        },
        "/metrics" => of_type(
            StatusCode::OK,
            "text/plain; version=0.0.4; charset=utf-8",
            health.metrics(),
        ),
        _ => text(
            StatusCode::NOT_FOUND,
            "/health, /ready and /metrics are here\n".to_owned(),
        ),
    }
}

/// Whether a question was meant for this machine: a page in somebody's browser may send one under a name of its own.
fn is_local(host: Option<&str>, port: u16) -> bool {
    let Some(host) = host else { return false };
    let name = match host.rsplit_once(':') {
        Some((name, of)) if of.parse() == Ok(port) => name,
        Some((_, of)) if of.parse::<u16>().is_ok() && !host.ends_with(']') => return false,
        _ => host,
    };
    ["localhost", "127.0.0.1", "[::1]"].contains(&name.to_ascii_lowercase().as_str())
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    of_type(status, "text/plain; charset=utf-8", body)
}

fn of_type(status: StatusCode, of: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(of));
    headers.insert(
        CACHE_CONTROL,
        hyper::header::HeaderValue::from_static("no-store"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_questions_for_this_machine_are_answered() {
        for host in [
            "localhost:7464",
            "LOCALHOST:7464",
            "127.0.0.1:7464",
            "[::1]:7464",
            "localhost",
            "127.0.0.1",
            "[::1]",
        ] {
            assert!(is_local(Some(host), 7464), "{host}");
        }
        for host in [
            "evil.example:7464",
            "localhost:80",
            "127.0.0.1.evil.example:7464",
            "",
            "192.168.1.1:7464",
        ] {
            assert!(!is_local(Some(host), 7464), "{host}");
        }
        assert!(!is_local(None, 7464));
    }
}

//! `plan simulate`: serves the simulated API.

use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;

use super::{Signals, note, print_text};
use crate::cli::SimulateArguments;
use crate::clock::Clock;
use crate::context::Context;
use crate::error::Error;
use crate::exit::Exit;
use crate::simulate::{Busy, Faults, Options, Simulator, UnknownIds, serve};

/// `plan simulate`: serves a simulated API until it is interrupted.
///
/// # Errors
///
/// When a rule is invalid, or the address cannot be used.
pub(super) async fn simulate(context: &Context, arguments: &SimulateArguments) -> Result<Exit, Error> {
    let options = options(arguments)?;
    let mut signals = Signals::listen()?;
    let listen = |error| Error::System { what: "listen there (`--listen`)", error };
    let listener = TcpListener::bind(arguments.listen).await.map_err(listen)?;
    let address = listener.local_addr().map_err(listen)?;
    // Programs read the port from this line.
    print_text(context, &context.secrets.redact(&format!("listening on http://{address}\n")))?;
    let key = if arguments.api_key.is_some() { "'…'" } else { "any" };
    note(context, "set this in another terminal; everything is in memory, and Ctrl-C ends it:")?;
    note(
        context,
        &format!(
            "  export GCORE_BASE_URL=http://{address} GCORE_API_KEY={key} GCORE_CLOUD_PROJECT_ID=1 GCORE_CLOUD_REGION_ID=1"
        ),
    )?;

    let simulator = Arc::new(Mutex::new(Simulator::new(options)));
    let clock = Clock::starting_at(context.now, arguments.speed);
    let shutdown = async {
        signals.next().await;
    };
    serve(listener, simulator, clock, shutdown).await.map_err(|error| Error::System { what: "serve on", error })?;
    Ok(Exit::Done)
}

fn options(arguments: &SimulateArguments) -> Result<Options, Error> {
    Ok(Options {
        seed: arguments.seed,
        api_key: arguments.api_key.clone(),
        unknown_ids: if arguments.assume_existing { UnknownIds::Assume } else { UnknownIds::Refuse },
        known_images: arguments.known_images,
        slow_calls: true,
        takes_traceparent: arguments.take_traceparent,
        busy: busy(arguments.busy.as_deref())?,
        faults: faults(&arguments.fault)?,
        ..Options::default()
    })
}

/// Parses the rules of `--fault`.
///
/// # Errors
///
/// When a rule is invalid.
pub(super) fn faults(rules: &[String]) -> Result<Faults, Error> {
    Faults::parse(rules.iter().map(String::as_str)).map_err(|error| {
        Error::usage(error.to_string())
            .help("write it as `lost-answer:POST:networks:1` or `random:0.3:seed=7`; see `plan rehearse --help`")
    })
}

/// Parses `--busy`; without it there are no other clients.
///
/// # Errors
///
/// When a word is invalid.
pub(super) fn busy(words: Option<&str>) -> Result<Busy, Error> {
    let parsed = words.map(Busy::parse).transpose();
    let busy = parsed.map_err(|error| {
        Error::usage(error.to_string()).help("write it as `--busy` or `--busy=lists=3s,audit=60s,clock=30s`")
    })?;
    Ok(busy.unwrap_or_default())
}

//! `ostler serve`: the program as a checklist.

use std::{
    io::{self, ErrorKind, IsTerminal, Write},
    net::SocketAddr,
    process,
    time::Duration,
};

use ostler::{
    Runtime,
    http::{HttpServer, Listener},
    runtime::Configured,
};

use crate::cli::{
    config::Config,
    failure::Failure,
    logging,
    process::{adopt_orphans, close_to_others, raise_descriptor_limit},
    service_manager::ServiceManager,
    signals::StopSignals,
    sources::Loaded,
    standard_error::complain,
};

/// Exit code of a stop that a second signal cut short.
const CUT_SHORT: i32 = 1;

/// Time for a start to come to its end once a signal asked to stop: a database may not answer.
const START_END_TIMEOUT: Duration = Duration::from_secs(10);

/// Serves until asked to stop.
pub(crate) fn run(loaded: Loaded) -> Result<(), Failure> {
    logging::start(&loaded.config.log);
    raise_descriptor_limit();
    close_to_others();
    let words = loaded.in_words();
    actix::System::new().block_on(serve(loaded.config, words))
}

async fn serve(config: Config, words: Vec<Configured>) -> Result<(), Failure> {
    // Before anything starts: a signal from now on is never lost, and no other process gets the address.
    let mut signals = StopSignals::listen().map_err(|error| Failure::of("listen for signals", &error))?;
    adopt_orphans().map_err(|error| Failure::of("listen for ended processes", &error))?;
    let listener = Listener::bind(&config.http).map_err(|error| cannot_listen(&config.http, &error))?;
    let Some(runtime) = start_unless_stopped(&listener, &config.http, config.runtime, &mut signals).await? else {
        return Ok(());
    };
    runtime.describe(words);
    let outcome = answer(listener, &config.http, &runtime, &mut signals).await;
    if outcome.is_err() {
        runtime.stop().await;
    }
    outcome
}

/// Starts the runtime; `None` where a signal asked to stop meanwhile.
async fn start_unless_stopped(
    listener: &Listener,
    http: &ostler::http::HttpSettings,
    settings: ostler::runtime::Settings,
    signals: &mut StopSignals,
) -> Result<Option<Runtime>, Failure> {
    let mut starting = std::pin::pin!(start(listener, http, settings));
    tokio::select! {
        started = &mut starting => return started.map(Some),
        name = signals.next() => log::info!(signal = name; "asked to stop while starting; a second signal ends at once"),
    }
    // A migration that is cut short would begin again at the next start.
    tokio::select! {
        started = starting => started?.stop().await,
        () = tokio::time::sleep(START_END_TIMEOUT) => log::warn!("ending before the start is done"),
        name = signals.next_but_hang_up() => log::warn!(signal = name; "ending at once"),
    }
    Ok(None)
}

/// Starts the runtime; requests meanwhile are answered with the state, which is starting.
async fn start(
    listener: &Listener,
    http: &ostler::http::HttpSettings,
    settings: ostler::runtime::Settings,
) -> Result<Runtime, Failure> {
    let starting = listener.starting(http).map_err(|error| cannot_listen(http, &error))?;
    let handle = starting.handle();
    let answering = actix::spawn(starting);
    let started = Runtime::start(settings).await;
    handle.stop(false).await;
    answering.await.ok().and_then(Result::ok);
    Ok(started?)
}

/// Answers requests until a signal or a failure; on a signal, calls in flight are finished before it returns.
async fn answer(
    listener: Listener,
    http: &ostler::http::HttpSettings,
    runtime: &Runtime,
    signals: &mut StopSignals,
) -> Result<(), Failure> {
    let address = listener.address().ok();
    let server = HttpServer::new(listener, http, runtime.clone()).map_err(|error| cannot_listen(http, &error))?;
    // The password first: a script that waits for the address finds it printed.
    introduce(runtime, address);
    announce(address).map_err(|error| Failure::of("write to standard output", &error))?;

    let manager = ServiceManager::find();
    let handle = server.handle();
    let mut serving = std::pin::pin!(server.run());
    manager.say_ready().await;
    tokio::select! {
        ended = &mut serving => return ended.map_err(|error| Failure::of("go on serving", &error)),
        never = manager.feed_watchdog(runtime, address) => match never {},
        name = signals.next() => log::info!(signal = name; "stopping; a second signal ends at once"),
    }
    manager.say_stopping().await;
    let stop = async {
        // While calls in flight end, requests are still answered: /readyz says 503, new work is refused.
        runtime.stop().await;
        handle.stop(true).await;
    };
    tokio::select! {
        ((), _) = async { tokio::join!(stop, &mut serving) } => {
            // Those of requests that ended after the runtime had.
            runtime.telemetry().flush().await;
            Ok(())
        }
        name = signals.next_but_hang_up() => {
            log::warn!(signal = name; "ending at once; calls in flight are lost");
            logging::finish();
            process::exit(CUT_SHORT)
        }
    }
}

/// The first line on standard output: scripts wait for it.
fn announce(address: Option<SocketAddr>) -> io::Result<()> {
    let Some(address) = address else { return Ok(()) };
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    out.flush()
}

/// Shows the password that was made up for the first admin: to people alone, since a log keeps what it gets.
fn introduce(runtime: &Runtime, address: Option<SocketAddr>) {
    let (Some((email, password)), Some(address)) = (runtime.first_admin(), address) else { return };
    let password = if io::stderr().is_terminal() { password } else { "is in first-admin.txt in the data folder" };
    complain(&format!(
        "\nThe first admin was made:\n\
         \n    address   {email}\n    password  {password}\n\
         \nOpen http://{address}/ in a browser and log in (programs: POST /api/auth/login). Choose another password\n\
         there, then delete first-admin.txt in the data folder, which keeps the first one.\n\n"
    ));
}

/// A failure to listen on the address, with the next step.
fn cannot_listen(http: &ostler::http::HttpSettings, error: &io::Error) -> Failure {
    let place = SocketAddr::new(http.host, http.port);
    let next_steps = [
        (ErrorKind::AddrInUse, "another program has it: stop that one, or choose another with --port or OSTLER_PORT"),
        (ErrorKind::AddrNotAvailable, "no network interface has it: choose another with --host or OSTLER_HOST"),
        (ErrorKind::PermissionDenied, "ports below 1024 need a privilege: choose another with --port or OSTLER_PORT"),
    ];
    let step = next_steps.iter().find(|(kind, _)| *kind == error.kind());
    let step = step.map_or("choose another with --host and --port", |(_, step)| step);
    Failure::Failed(format!("cannot listen on {place}: {error}; {step}"))
}

//! Each request of the verbs in [`Verbs`] fails once. Afterwards a push succeeds, nothing is lost, and no garbage is
//! left.

use lsm_checkpoint_servers::verbs::{Sources, Verbs, storm};
use lsm_checkpoint_servers::{Call, Fault, Server, Settings};

/// Runs the verbs under a plan on a server of their own, and recovers. Returns the number of requests.
async fn run(sources: &Sources, name: &str, plan: impl FnMut(&Call) -> Fault + Send + 'static) -> usize {
    let server = Server::start(Settings::default()).unwrap();
    let outcome = Verbs::new(&server.store().unwrap(), "r", sources).under(&server.proxy, plan).await;
    outcome.unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// In CI, each request gets a quarter of the faults, in turn. With `LSM_STORE_FAULTS=all`, each request gets all of
/// them. A fault that does not fit a request is left out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_fails_once() {
    let turns = if std::env::var("LSM_STORE_FAULTS").is_ok_and(|faults| faults == "all") { 1 } else { 4 };
    let sources = Sources::new().unwrap();
    let requests = run(&sources, "no fault", |_| Fault::None).await;
    assert!(requests > 40, "{requests} requests");
    let mut runs = 0;
    for at in 0..requests {
        for (turn, &fault) in Fault::ALL.iter().enumerate() {
            if (at + turn) % turns == 0 {
                let plan = move |call: &Call| {
                    if call.number == at && fault.fits(call) { fault } else { Fault::None }
                };
                run(&sources, &format!("{fault:?} at request {at}"), plan).await;
                runs += 1;
            }
        }
    }
    println!("{runs} runs with a fault at one of {requests} requests");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_fail_at_random() {
    let server = Server::start(Settings { page: Some(2), skew: 0 }).unwrap();
    storm(&server.store().unwrap(), &server.proxy, 20).await.unwrap();
}

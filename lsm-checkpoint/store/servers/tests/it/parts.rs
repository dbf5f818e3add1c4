//! Uploads in parts: each of their requests fails.

use lsm_checkpoint_servers::uploads::{Request, Uploads};
use lsm_checkpoint_servers::{Fault, Server, Settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_request_of_an_upload_fails() {
    let server = Server::start(Settings::default()).unwrap();
    let store = server.store().unwrap();
    let runs = Uploads::new(&store, &server.proxy).unwrap().sweep().await.unwrap();
    println!("{runs} pushes in parts");
}

/// A push aborts its own uploads. It cannot abort one whose identifier it never got.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_an_upload_without_an_identifier_is_left() {
    let server = Server::start(Settings::default()).unwrap();
    let store = server.store().unwrap();
    let uploads = Uploads::new(&store, &server.proxy).unwrap();
    let parts = |request, _| if request == Request::Part { Fault::CutRequest } else { Fault::None };
    let (_, pushed) = uploads.push("no-part-arrives", parts).await.unwrap();
    assert_eq!((pushed, server.unfinished_uploads().unwrap()), (false, 0));
    let complete = |request, _| if request == Request::Complete { Fault::CutRequest } else { Fault::None };
    let (_, pushed) = uploads.push("no-upload-is-completed", complete).await.unwrap();
    assert_eq!((pushed, server.unfinished_uploads().unwrap()), (false, 0));
    let (_, pushed) = uploads
        .push("begin-unanswered", |_, number| if number == 0 { Fault::LoseAnswer } else { Fault::None })
        .await
        .unwrap();
    assert_eq!((pushed, server.unfinished_uploads().unwrap()), (true, 1));
}

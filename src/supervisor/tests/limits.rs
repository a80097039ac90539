//! Limits whose means a program needs an own folder for.

use super::*;
use crate::model::{EndingLimit, Limits};

#[actix::test]
async fn a_server_with_too_full_a_folder_is_ended_again_and_again_until_it_is_given_up() {
    let folder = std::env::temp_dir().join(format!("ostler-folder-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(folder.join("cache")).unwrap();
    std::fs::write(folder.join("cache/file"), vec![7; 3 << 20]).unwrap();
    let mut launch = Arc::unwrap_or_clone(launch());
    launch.spec.own_folder = Some(folder.clone());
    launch.spec.limits = Limits { disk_mb: Some(2), ..Limits::default() };
    let supervised = supervised_as(RestartPolicy { max_retries: 1, ..Default::default() }, Arc::new(launch)).await;
    let view = supervised.until(|view| view.status == Status::Failed).await;
    std::fs::remove_dir_all(folder).unwrap();
    let exceeded = view.last_exit.as_ref().and_then(|exit| exit.exceeded).unwrap();
    assert_eq!((exceeded.limit, exceeded.allowed), (EndingLimit::DiskMb, 2));
    assert!((3..5).contains(&exceeded.used), "{exceeded:?}");
    assert!(view.last_exit.unwrap().reason.contains("(limit): its folder had"));
    supervised.end().await;
}

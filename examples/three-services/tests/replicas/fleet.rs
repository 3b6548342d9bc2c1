//! Two replicas of each of three services, each pair behind a balancer, all with one store.

use crate::rig::{Folder, Hop, flags, keys};
use crate::round_robin::RoundRobin;

/// They run until this is dropped.
pub(crate) struct Fleet {
    /// Where the first service answers.
    pub(crate) origin: String,
    /// The trust bundle of the services.
    pub(crate) bundle: String,
    replicas: Vec<Hop>,
    balancers: Vec<RoundRobin>,
    _folder: Folder,
}

impl Fleet {
    /// Starts it with claims at `store` and what each service is told besides; `caller` is the caller's public keys.
    pub(crate) async fn start(store: &str, caller: &str, more: &[&str]) -> Self {
        let folder = Folder::new("replicas");
        let bundle = keys(&folder);
        let callers = folder.path("caller.json");
        std::fs::write(&callers, caller).unwrap();
        let (mut replicas, mut balancers) = (Vec::new(), Vec::<RoundRobin>::new());
        for name in ["ledger", "orders", "gateway"] {
            let mut all = vec!["--identity-from-lineage", "--passport", "required", "--store", store];
            // The callers send passports that were packed beforehand.
            all.extend(["--hop-proof", "sign"]);
            all.extend(["--bundle", &callers]);
            all.extend(more);
            if let Some(next) = balancers.last() {
                all.extend(["--next", &next.origin]);
            }
            let pair = [(); 2].map(|()| Hop::start(&flags(&folder, name, &bundle, &all)));
            let balancer = RoundRobin::before(&[&pair[0].origin, &pair[1].origin]).await;
            replicas.extend(pair);
            balancers.push(balancer);
        }
        let origin = balancers.last().unwrap().origin.clone();
        Self { origin, bundle, replicas, balancers, _folder: folder }
    }

    /// Ends all of it as an operator would, and sees that it goes in peace.
    pub(crate) fn stop(self) {
        for balancer in self.balancers {
            assert!(balancer.taken().iter().all(|taken| *taken > 0), "a replica had nothing to do");
        }
        for replica in self.replicas {
            assert_eq!(replica.terminate(), Some(0));
        }
    }
}

//! Distribution of requests over instances.

use std::sync::Mutex;

use super::*;

const ROUNDS: usize = 10_000;

fn of_weights(weights: &[u32]) -> Vec<Candidate> {
    weights.iter().map(|weight| Candidate { share: weight * FULL_SHARE, in_flight: 0 }).collect()
}

fn counted(candidates: &[Candidate], rounds: usize) -> Vec<usize> {
    let (mut turns, mut counts) = (WeightedRoundRobin::default(), vec![0; candidates.len()]);
    for _ in 0..rounds {
        counts[turns.next(candidates).unwrap()] += 1;
    }
    counts
}

#[test]
fn equal_instances_get_equally_many_to_within_one() {
    for instances in 1..=9 {
        let counts = counted(&of_weights(&vec![1; instances]), ROUNDS);
        assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
    }
}

#[test]
fn weights_hold_for_many_threads_at_once() {
    let candidates = of_weights(&[1; 7]);
    let (turns, counts) = (Mutex::new(WeightedRoundRobin::default()), Mutex::new([0_usize; 7]));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..ROUNDS / 8 {
                    let chosen = turns.lock().unwrap().next(&candidates).unwrap();
                    counts.lock().unwrap()[chosen] += 1;
                }
            });
        }
    });
    let counts = counts.into_inner().unwrap();
    assert_eq!(counts.iter().sum::<usize>(), ROUNDS);
    assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{counts:?}");
}

#[test]
fn weights_hold_within_two_per_cent() {
    for weights in [vec![1, 2], vec![5, 1, 1], vec![1, 2, 3, 4], vec![100, 1], vec![7, 0, 3]] {
        let (counts, sum) = (counted(&of_weights(&weights), ROUNDS), weights.iter().sum::<u32>());
        for (count, weight) in counts.iter().zip(&weights) {
            let expected = ROUNDS * usize::try_from(*weight).unwrap() / usize::try_from(sum).unwrap();
            assert!(count.abs_diff(expected) <= ROUNDS / 50, "{weights:?}: {counts:?}");
        }
    }
}

#[test]
fn a_heavy_instance_does_not_get_its_share_in_a_row() {
    let (candidates, mut turns) = (of_weights(&[5, 1, 1]), WeightedRoundRobin::default());
    let order: Vec<_> = (0..7).map(|_| turns.next(&candidates).unwrap()).collect();
    assert_eq!(order, [0, 0, 1, 0, 2, 0, 0]);
}

#[test]
fn an_instance_of_weight_zero_gets_nothing() {
    assert_eq!(counted(&of_weights(&[0, 1]), 100), [0, 100]);
    assert_eq!(WeightedRoundRobin::default().next(&of_weights(&[0, 0])), None);
    assert_eq!(least_busy(&of_weights(&[0, 0]), 3), None);
    assert!((0..100).all(|random| least_busy(&of_weights(&[0, 1, 0]), random) == Some(1)));
}

#[test]
fn an_instance_that_is_away_for_a_while_does_not_catch_up() {
    let mut turns = WeightedRoundRobin::default();
    let (all, one) = (of_weights(&[1, 1]), of_weights(&[1, 0]));
    (0..1_000).for_each(|_| assert_eq!(turns.next(&one), Some(0)));
    let second = (0..10).filter(|_| turns.next(&all) == Some(1)).count();
    assert_eq!(second, 5);
}

#[test]
fn the_least_busy_of_few_is_found_and_idle_ones_take_turns() {
    let busy =
        |loads: &[u32]| loads.iter().map(|load| Candidate { share: FULL_SHARE, in_flight: *load }).collect::<Vec<_>>();
    assert!((0..100).all(|n| least_busy(&busy(&[3, 1, 2]), scramble(n)) == Some(1)));
    let mut counts = [0; 3];
    (0..9_000).for_each(|n| counts[least_busy(&busy(&[4, 4, 4]), scramble(n)).unwrap()] += 1);
    assert!(counts.iter().all(|count| (2_700..3_300).contains(count)), "{counts:?}");
}

#[test]
fn of_many_the_busiest_is_never_chosen_and_the_load_evens_out() {
    let mut candidates: Vec<_> = (0..20).map(|_| Candidate { share: FULL_SHARE, in_flight: 0 }).collect();
    candidates[7].in_flight = 1_000;
    for n in 0..10_000 {
        let chosen = least_busy(&candidates, scramble(n)).unwrap();
        candidates[chosen].in_flight += 1;
    }
    let others = || candidates.iter().enumerate().filter(|(index, _)| *index != 7).map(|(_, one)| one.in_flight);
    assert_eq!(candidates[7].in_flight, 1_000);
    assert!(others().max().unwrap() - others().min().unwrap() <= 8, "{candidates:?}");
}

#[test]
fn an_instance_that_came_back_gets_its_share_little_by_little() {
    let warm_up = Duration::from_secs(20);
    let shares = [0, 1, 5, 10, 19, 20, 60].map(|seconds| share(2, Duration::from_secs(seconds), warm_up));
    assert_eq!(shares, [200, 200, 500, 1000, 1900, 2000, 2000]);
    let half = [Candidate { share: share(1, Duration::ZERO, warm_up), in_flight: 0 }, of_weights(&[1])[0]];
    let counts = counted(&half, 1_100);
    assert_eq!(counts, [100, 1_000]);
}

//! A waker for futures that are driven beside each other on one connection.
//!
//! The client and the wire of a connection wake each other all the time: a request that is sent wakes the
//! wire, an answer that came wakes the client. Both belong to the task that is running just then, and being
//! woken while it runs costs it a whole turn for nothing. So they ring a bell that the task looks at itself,
//! and only what comes while everybody sleeps wakes. Several statements of a pipeline wait at one bell.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

thread_local! {
    /// Its address tells one thread from another.
    static THREAD: u8 = const { 0 };
}

fn this_thread() -> usize {
    THREAD.with(|mark| std::ptr::from_ref(mark).addr())
}

#[derive(Debug, Default)]
struct State {
    /// Everybody who waits for something of this connection.
    waiting: Mutex<Vec<Waker>>,
    /// The thread on which one of them has its turn, and looks at `rung` before it sleeps; else 0.
    turn_on: AtomicUsize,
    rung: AtomicBool,
    /// It rang in this turn, whether or not somebody looked.
    heard: AtomicBool,
}

impl State {
    fn waiting(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wake for State {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.rung.store(true, Ordering::Relaxed);
        self.heard.store(true, Ordering::Relaxed);
        // The turn that looks is on this very thread, so what was stored is seen. From any other thread
        // everybody is woken, turn or not.
        if self.turn_on.load(Ordering::Relaxed) != this_thread() {
            self.waiting().iter().for_each(Waker::wake_by_ref);
        }
    }
}

/// The bell of one connection.
#[derive(Debug)]
pub(super) struct Bell {
    state: Arc<State>,
    waker: Waker,
    /// What is in `waiting`, to look at without a lock.
    known: RefCell<Vec<Waker>>,
}

impl Bell {
    pub(super) fn new() -> Self {
        let state = Arc::new(State::default());
        let waker = Waker::from(Arc::clone(&state));
        Self {
            state,
            waker,
            known: RefCell::default(),
        }
    }

    /// A turn of one of those who wait: futures are to be polled with the context that `turn` gets. It is
    /// told to come back if the bell rings after it looked for the last time, and so are all others if it
    /// rang at all: it may have been for them.
    pub(super) fn turn<T>(
        &self,
        cx: &Context<'_>,
        turn: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let (state, me) = (&self.state, cx.waker());
        self.wait(me);
        state.rung.store(false, Ordering::Relaxed);
        state.turn_on.store(this_thread(), Ordering::Relaxed);
        let done = turn(&mut Context::from_waker(&self.waker));
        state.turn_on.store(0, Ordering::Relaxed);
        let late = state.rung.load(Ordering::Relaxed);
        let heard = state.heard.load(Ordering::Relaxed);
        state.heard.store(false, Ordering::Relaxed);
        let alone = self.known.borrow().len() == 1;
        if heard && (late || !alone) {
            let waiting = self.known.borrow();
            let others = waiting.iter().filter(|waker| late || !waker.will_wake(me));
            others.for_each(Waker::wake_by_ref);
        }
        // One that is alone will most likely be the next one too.
        if done.is_ready() && !alone {
            self.set(|waiting| waiting.retain(|waker| !waker.will_wake(me)));
        }
        done
    }

    /// Adds a waker to those who wait.
    fn wait(&self, me: &Waker) {
        let known = self.known.borrow().iter().any(|waker| waker.will_wake(me));
        if !known {
            self.set(|waiting| waiting.push(me.clone()));
        }
    }

    fn set(&self, change: impl Fn(&mut Vec<Waker>)) {
        change(&mut self.known.borrow_mut());
        self.state.waiting().clone_from(&self.known.borrow());
    }

    /// Whether the bell rang since this was asked for the last time.
    pub(super) fn rang(&self) -> bool {
        let rang = self.state.rung.load(Ordering::Relaxed);
        self.state.rung.store(false, Ordering::Relaxed);
        rang
    }

    /// Forgets who waits, such as when their futures were dropped; one that was alone is the next one too.
    pub(super) fn clear(&self) {
        if self.known.borrow().len() > 1 {
            self.set(Vec::clear);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[derive(Default)]
    struct Count(AtomicU32);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn task() -> (Arc<Count>, Waker) {
        let count = Arc::new(Count::default());
        let waker = Waker::from(Arc::clone(&count));
        (count, waker)
    }

    fn woken(count: &Count) -> u32 {
        count.0.load(Ordering::Relaxed)
    }

    #[test]
    fn a_ring_in_a_turn_is_seen_and_one_between_turns_wakes() {
        let (count, task) = task();
        let cx = Context::from_waker(&task);
        let bell = Bell::new();
        let mut kept = None;
        let pending = bell.turn(&cx, |inner| {
            inner.waker().wake_by_ref();
            assert!(bell.rang() && !bell.rang());
            kept = Some(inner.waker().clone());
            Poll::<()>::Pending
        });
        assert!(pending.is_pending());
        assert_eq!(woken(&count), 0);
        kept.as_ref().unwrap().wake_by_ref();
        assert_eq!(woken(&count), 1);
        // Nobody looked: the task must come back.
        let _ = bell.turn(&cx, |inner| {
            inner.waker().wake_by_ref();
            Poll::<()>::Pending
        });
        assert_eq!(woken(&count), 2);
        // From another thread it wakes in any case.
        let kept = kept.unwrap();
        let _ = bell.turn(&cx, |_| {
            let far = kept.clone();
            std::thread::spawn(move || far.wake()).join().unwrap();
            assert!(bell.rang());
            Poll::<()>::Pending
        });
        assert_eq!(woken(&count), 3);
    }

    #[test]
    fn a_ring_in_the_turn_of_one_wakes_the_others() {
        let ((first, one), (second, other)) = (task(), task());
        let bell = Bell::new();
        for waker in [&other, &one] {
            let _ = bell.turn(&Context::from_waker(waker), |_| Poll::<()>::Pending);
        }
        let _ = bell.turn(&Context::from_waker(&one), |inner| {
            inner.waker().wake_by_ref();
            assert!(bell.rang());
            Poll::Ready(())
        });
        assert_eq!((woken(&first), woken(&second)), (0, 1));
    }
}

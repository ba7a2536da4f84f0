//! What the caller of a call that is run is told, in the words of `h1wire_proto::calling::Order`, which also says in which
//! order.

use h1wire_proto::calling::{Happened, Late, Next, Tell as Word, Upload};
use h1wire_proto::{Fields, ResponseHead};

use super::active::Mode;
use super::drive::Run;
use super::error::Error;
use super::event::Event;

/// What is told with a word of the order.
pub(super) enum With<'e> {
    Nothing,
    Reused(bool),
    Head(&'e ResponseHead<'e, 'e>),
    Data(&'e [u8]),
    Trailers(Fields<'e, 'e>),
    Late(Late),
    Error(Error),
}

impl Run<'_, '_> {
    /// Tells what happened since the last run.
    pub(super) fn tell_news(&mut self) {
        let Some(active) = self.active() else { return };
        let news = std::mem::take(&mut active.news);
        let over = matches!(active.call.next(), Next::Close(_));
        if news.socket {
            self.happen(Happened::Socket, With::Nothing);
        }
        if let Some(reused) = news.connected.filter(|_| !over) {
            self.happen(Happened::Connected, With::Reused(reused));
            if self.active().is_some_and(|active| active.spec.as_ref().is_some_and(|spec| spec.raw)) {
                self.engine.counters.switched += 1;
                self.say(Event::Switched);
            }
        }
        if let Some(late) = news.late {
            self.happen(Happened::Timeout, With::Late(late));
        }
        if news.unheld {
            self.content_wanted();
        }
    }

    /// The content that waited for 100 may go.
    pub(super) fn content_wanted(&mut self) {
        if let Some(active) = self.active() {
            active.release_content();
            self.say(Event::Continue);
        }
    }

    /// Tells writers that there is room, or that nobody wants more.
    pub(super) fn tell_room(&mut self) {
        let low = (self.engine.options.high_water() / 2).max(1);
        let Some(active) = self.active() else { return };
        if active.mode == Mode::Http && active.call.upload() == Upload::Refused {
            active.out.clear();
            active.held.clear();
            if !active.flags.finished && !std::mem::replace(&mut active.flags.unwanted, true) {
                self.say(Event::Unwanted);
            }
            return;
        }
        if active.flags.wants_drain && active.buffered() < low {
            active.flags.wants_drain = false;
            self.say(Event::Drain);
        }
    }

    /// Tells what happened, in the words and the order that are right now.
    pub(super) fn happen(&mut self, happened: Happened, with: With<'_>) {
        let Some(active) = self.active() else { return };
        let words = active.order.on(happened);
        let mut with = Some(with);
        for word in words {
            let event = match word {
                Word::Socket => Event::Socket,
                Word::Connected => {
                    let reused = matches!(with, Some(With::Reused(true)));
                    Event::Connected { reused }
                }
                Word::Sent => Event::Sent,
                Word::Informational | Word::Response => {
                    let Some(With::Head(head)) = with else { continue };
                    with = None;
                    if *word == Word::Response { Event::Response(head) } else { Event::Informational(head) }
                }
                Word::Data => {
                    let Some(With::Data(data)) = with else { continue };
                    Event::Data(data)
                }
                Word::End => match with {
                    Some(With::Trailers(trailers)) => Event::End(trailers),
                    _ => Event::End(Fields::EMPTY),
                },
                Word::Switched => Event::Switched,
                Word::Timeout => {
                    let Some(With::Late(late)) = with else { continue };
                    Event::Timeout(late)
                }
                Word::Retry => Event::Retry,
                Word::Abort => Event::Abort,
                Word::Aborted => Event::Aborted,
                Word::Error => match with.take() {
                    Some(With::Error(error)) => Event::Error(error),
                    _ => continue,
                },
                Word::Close if matches!(happened, Happened::Complete | Happened::Switched) => {
                    // The exchange may not be over yet.
                    if let Some(active) = self.active() {
                        active.flags.close_owed = true;
                    }
                    continue;
                }
                Word::Close => {
                    self.say_close();
                    continue;
                }
                Word::ResponseClose => Event::ResponseClose,
            };
            self.say(event);
        }
    }

    /// Tells an event, unless the caller wants to hear nothing more.
    pub(super) fn say(&mut self, event: Event<'_>) {
        if self.active().is_some_and(|active| !active.flags.muted) {
            (self.tell)(self.engine, self.id, event);
        }
    }

    /// Tells the end.
    pub(super) fn say_close(&mut self) {
        if let Some(active) = self.active() {
            active.flags.over = true;
        }
        let event = Event::Close;
        (self.tell)(self.engine, self.id, event);
    }
}

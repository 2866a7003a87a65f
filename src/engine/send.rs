//! Sends one request of a write, and classifies the answer by what is known of its effect.

use serde_json::Value;

use super::context::RunContext;
use super::permits::request_permit;
use super::stop::{ANSWER_TIME, Stop};
use crate::api::{Answer, ApiError, Client, Lost, Meaning, Request, json_of, trace_header};
use crate::event::Event;
use crate::id::InstanceId;
use crate::journal::{AnswerHead, Mark, RecordedCall, is_identifier};

/// A classified answer.
pub enum Sent {
    Answer {
        value: Value,
        head: AnswerHead,
    },
    Refused(ApiError),
    /// Nothing was sent, or a refusal broke off: the call changed nothing, and may be sent again. With the cause.
    Unsent(String),
    /// Retrying does not help: see [`Lost::NoConnection`].
    NoConnection(String),
    /// `head`: the head of the answer, if it arrived.
    Lost {
        cause: String,
        slow: bool,
        head: Option<AnswerHead>,
    },
    /// The run was stopped before the answer came.
    Left(Stop),
}

fn head_of(answer: &Answer) -> AnswerHead {
    AnswerHead { status: answer.status, request_id: answer.request_id().map(str::to_owned) }
}

/// What the event about a request says of its sender.
#[derive(Debug, Clone, Copy)]
pub struct Leaving<'a> {
    pub instance: &'a InstanceId,
    pub call: &'a RecordedCall,
    pub attempt: u32,
}

/// Sends a write once, after waiting for a permit, unless the run is stopped first.
pub async fn send(context: &RunContext, leaving: Leaving<'_>, request: Request) -> Sent {
    let Some(permit) = request_permit(context, leaving.instance).await else {
        return Sent::Unsent("the run ended first".to_owned());
    };
    context.events.emit(Event::CallStarted {
        instance: leaving.instance.clone(),
        call: leaving.call.to_string(),
        attempt: leaving.attempt,
    });
    let sending = async {
        let left = context.clock().elapsed();
        let answer = context.client.send(request).await;
        context.gates.answered(context.clock().elapsed().saturating_sub(left));
        drop(permit);
        answer
    };
    let answer = tokio::select! {
        biased;
        answer = sending => answer,
        stop = async {
            let stop = context.stopped.leave().await;
            tokio::time::sleep(ANSWER_TIME).await;
            stop
        } => return Sent::Left(stop),
    };
    classify(&context.client, &leaving.call.path, answer)
}

fn classify(client: &Client, path: &str, answer: Result<Answer, Lost>) -> Sent {
    match answer {
        Ok(answer) if answer.is_success() => match json_of(&answer) {
            Some(value) => Sent::Answer { value, head: head_of(&answer) },
            None => Sent::Lost {
                cause: format!("the answer (status {}) is not readable JSON", answer.status),
                slow: false,
                head: Some(head_of(&answer)),
            },
        },
        Ok(answer) => {
            let error = client.error(path, &answer);
            match error.meaning() {
                Meaning::Unknown => Sent::Lost {
                    slow: matches!(error.status, 408 | 504),
                    cause: error.story(),
                    head: Some(AnswerHead { status: error.status, request_id: error.request_id }),
                },
                _ => Sent::Refused(error),
            }
        }
        Err(lost) => without_answer(lost),
    }
}

/// Classifies a write without an answer.
fn without_answer(lost: Lost) -> Sent {
    match lost {
        Lost::NotSent(cause) => Sent::Unsent(cause),
        Lost::NoConnection(cause) => Sent::NoConnection(cause),
        // A refusal: the call changed nothing, and the answer to the next attempt says why it was refused.
        Lost::Broken { head, cause } if (400..500).contains(&head.status) && head.status != 408 => {
            Sent::Unsent(format!("its refusal (status {}) broke off: {cause}", head.status))
        }
        Lost::Unknown { cause, timed_out } => Sent::Lost { slow: timed_out, cause, head: None },
        Lost::Broken { head, cause } => Sent::Lost { slow: false, cause, head: Some(head_of(&head)) },
    }
}

/// The headers that carry the marks of an attempt.
pub fn headers_of(mark: &Mark) -> impl Iterator<Item = (String, String)> {
    let agent = mark.user_agent.iter().map(|agent| ("user-agent".to_owned(), agent.clone()));
    agent.chain(mark.trace.as_deref().map(trace_header))
}

/// The task ids of an answer; `None` when it is not a list of tasks.
pub fn tasks_of(value: &Value) -> Option<Vec<String>> {
    let id = |task: &Value| task.as_str().filter(|id| is_identifier(id)).map(str::to_owned);
    value.as_object()?.get("tasks")?.as_array()?.iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_that_broke_off_is_one() {
        for (status, changed_nothing) in
            [(400, true), (408, false), (409, true), (429, true), (500, false), (200, false)]
        {
            let head = Answer { status, headers: Vec::new(), body: Vec::new() };
            let sent = without_answer(Lost::Broken { head, cause: "end of file".to_owned() });
            match sent {
                Sent::Unsent(cause) => assert!(changed_nothing, "{cause}"),
                Sent::Lost { head, .. } => assert!(!changed_nothing && head.is_some(), "{status}"),
                _ => panic!("{status}"),
            }
        }
    }

    #[test]
    fn only_a_request_that_ran_out_of_time_is_slow_whatever_the_words_of_its_cause() {
        for timed_out in [true, false] {
            for cause in ["no answer in time: operation timed out", "too late"] {
                let sent = without_answer(Lost::Unknown { cause: cause.to_owned(), timed_out });
                assert!(matches!(sent, Sent::Lost { slow, .. } if slow == timed_out), "{cause}");
            }
        }
    }
}

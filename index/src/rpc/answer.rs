//! Questions and answers of JSON-RPC 2.0, as text. Knows no network.

use std::{collections::HashMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, DeserializeSeed, IgnoredAny, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::fault::{fault, is_busy, quoted, refusal};
use crate::block::Blocks;

/// Responses that nobody asked for and that are passed over; of more the rest is not kept.
const MAX_STRAY: usize = 16;

/// A method and its parameters.
#[derive(Clone, Debug)]
pub struct Question {
    pub(super) method: &'static str,
    params: Box<RawValue>,
    pub(super) is_indivisible: bool,
}

impl Question {
    /// The parameters become a list: a tuple or a slice.
    #[must_use]
    pub fn new(method: &'static str, params: impl Serialize) -> Self {
        let params = serde_json::value::to_raw_value(&params).expect("parameters are numbers, texts and lists of them");
        Self { method, params, is_indivisible: false }
    }

    /// The same, of which less cannot be asked: its answer may be longer than others.
    #[must_use]
    pub fn indivisible(self) -> Self {
        Self { is_indivisible: true, ..self }
    }
}

/// What an endpoint says to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// What was asked for.
    Value(T),
    /// There is no such block: `null`, or words to that effect.
    Unknown,
    /// The call reverts.
    Reverted,
    /// The endpoint does not have the state of that block.
    NoState,
    /// That would be too much at once; the endpoint may tell what would not.
    TooLarge(Option<Blocks>),
    /// The answer is longer than is read.
    Overflow,
    /// Anything else that is no reason to ask the same endpoint again.
    Refused(String),
}

/// An answer, and whose it is.
#[derive(Clone, Debug)]
pub struct Reply<T> {
    /// What it says.
    pub answer: Answer<T>,
    /// The place of the endpoint in the list.
    pub endpoint: usize,
    /// The length of its text.
    pub n_bytes: usize,
}

/// The answers of a batch by the place of their question. What has none is to be asked again.
#[derive(Debug)]
pub(super) struct Matched<T> {
    pub(super) answers: Vec<Option<(Answer<T>, usize)>>,
    /// Some call met the endpoint's limit.
    pub(super) is_busy: bool,
    /// Why a call has no answer.
    pub(super) reason: Option<String>,
}

impl<T> Matched<T> {
    /// The one answer, which is too long.
    pub(super) fn overflow(n_bytes: usize) -> Self {
        Self { answers: vec![Some((Answer::Overflow, n_bytes))], is_busy: false, reason: None }
    }

    /// Whether there is an answer, or a refusal that makes sense.
    pub(super) fn has_any(&self) -> bool {
        self.is_busy || self.answers.iter().any(Option::is_some)
    }
}

#[derive(Serialize)]
struct Request<'a> {
    jsonrpc: &'static str,
    id: u64,
    method: &'a str,
    params: &'a RawValue,
}

#[derive(Clone, Copy, Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// The usual response to one question, read in one go: an answer with many logs takes half as long so.
#[derive(Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
struct Plain<T> {
    id: u64,
    result: Option<T>,
    error: Option<IgnoredAny>,
}

/// The body that asks these questions under the ids from `first_id` on: an object for one, a list for several.
pub(super) fn body(questions: &[&Question], first_id: u64) -> Vec<u8> {
    let requests: Vec<Request<'_>> = questions
        .iter()
        .zip(first_id..)
        .map(|(question, id)| Request { jsonrpc: "2.0", id, method: question.method, params: &question.params })
        .collect();
    match requests.as_slice() {
        [request] => serde_json::to_vec(request),
        requests => serde_json::to_vec(requests),
    }
    .expect("a request is text and numbers")
}

/// Matches the answers in a body with the `n_questions` questions that were asked under the ids from `first_id` on.
/// Answers to what was not asked are passed over; of one that comes twice, neither counts.
///
/// # Errors
/// If the body is no JSON-RPC.
pub(super) fn matched<T: DeserializeOwned>(
    body: &[u8],
    first_id: u64,
    n_questions: usize,
) -> Result<Matched<T>, String> {
    let text = std::str::from_utf8(body).map_err(|_| "the answer is not UTF-8".to_owned())?;
    if n_questions == 1
        && let Ok(Plain { id, result: Some(value), error: None }) = serde_json::from_str(text)
        && id == first_id
    {
        let answers = vec![Some((Answer::Value(value), text.len()))];
        return Ok(Matched { answers, is_busy: false, reason: None });
    }
    let is_list = text.trim_ascii_start().starts_with('[');
    let responses = if is_list { list(text, n_questions) } else { serde_json::from_str(text).map(|one| vec![one]) };
    let responses = responses.map_err(|_| format!("the answer is no JSON-RPC: \"{}\"", quoted(text)))?;
    let n_most = n_questions + MAX_STRAY;
    if responses.len() > n_most {
        return Err(format!("more than {n_most} answers came to {n_questions} questions"));
    }
    // One error for all is an error for each.
    if let [Response { id, error: Some(error), .. }] = responses.as_slice()
        && place(*id, first_id, n_questions).is_none()
    {
        return Ok(all_failed(error, n_questions));
    }
    let mut by_place: HashMap<usize, Vec<Response<'_>>> = HashMap::with_capacity(n_questions);
    for response in responses {
        if let Some(place) = place(response.id, first_id, n_questions) {
            by_place.entry(place).or_default().push(response);
        }
    }
    let mut matched = Matched { answers: Vec::with_capacity(n_questions), is_busy: false, reason: None };
    for place in 0..n_questions {
        let answer = match by_place.get(&place).map(Vec::as_slice) {
            Some([response]) => read(response, &mut matched),
            Some(_) => {
                matched.reason = Some("two answers have the same id".to_owned());
                None
            }
            None => {
                matched.reason = Some(format!("{} of {n_questions} answers came", by_place.len()));
                None
            }
        };
        matched.answers.push(answer);
    }
    Ok(matched)
}

/// The responses of a list, and no more than one above what can be meant: the shortest are three bytes each.
fn list(text: &str, n_questions: usize) -> serde_json::Result<Vec<Response<'_>>> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let responses = AtMost(n_questions + MAX_STRAY + 1).deserialize(&mut deserializer)?;
    deserializer.end().map(|()| responses)
}

/// Keeps as many responses, and passes over the rest.
struct AtMost(usize);

impl<'de> DeserializeSeed<'de> for AtMost {
    type Value = Vec<Response<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for AtMost {
    type Value = Vec<Response<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of responses")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut responses = Vec::new();
        while responses.len() < self.0 {
            let Some(response) = list.next_element()? else { return Ok(responses) };
            responses.push(response);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(responses)
    }
}

fn all_failed<T>(error: &RawValue, n_questions: usize) -> Matched<T> {
    let fault = fault(error);
    let is_busy = is_busy(&fault);
    let mut answers: Vec<Option<(Answer<T>, usize)>> = (0..n_questions).map(|_| None).collect();
    let reason = format!("\"{}\"", quoted(&fault.message));
    // An error for a whole batch may be about its being one; an error for one call is its answer.
    if let [answer] = answers.as_mut_slice()
        && !is_busy
    {
        *answer = Some((refusal(&fault), error.get().len()));
    }
    Matched { answers, is_busy, reason: Some(reason) }
}

/// The answer in a response; nothing if the call met a limit or the answer is not what was asked for.
fn read<T: DeserializeOwned>(response: &Response<'_>, matched: &mut Matched<T>) -> Option<(Answer<T>, usize)> {
    if let Some(error) = response.error {
        let fault = fault(error);
        if is_busy(&fault) {
            matched.is_busy = true;
            matched.reason = Some(format!("\"{}\"", quoted(&fault.message)));
            return None;
        }
        return Some((refusal(&fault), error.get().len()));
    }
    // `null` stands for what is not there.
    let Some(result) = response.result else { return Some((Answer::Unknown, 0)) };
    match serde_json::from_str(result.get()) {
        Ok(value) => Some((Answer::Value(value), result.get().len())),
        Err(error) => {
            matched.reason = Some(format!("the answer does not fit the question: {}", quoted(&error.to_string())));
            None
        }
    }
}

/// The place of the question that has this id.
fn place(id: Option<&RawValue>, first_id: u64, n_questions: usize) -> Option<usize> {
    let id: u64 = id?.get().trim_matches('"').parse().ok()?;
    usize::try_from(id.checked_sub(first_id)?).ok().filter(|place| *place < n_questions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions(n_questions: usize) -> Vec<Question> {
        (0..n_questions).map(|place| Question::new("m", [place])).collect()
    }

    #[test]
    fn one_question_is_an_object_and_several_are_a_list() {
        let questions = questions(2);
        let of = |questions: &[&Question]| String::from_utf8(body(questions, 7)).unwrap();
        assert_eq!(of(&[&questions[0]]), r#"{"jsonrpc":"2.0","id":7,"method":"m","params":[0]}"#);
        let two = r#"[{"jsonrpc":"2.0","id":7,"method":"m","params":[0]},{"jsonrpc":"2.0","id":8,"method":"m","params":[1]}]"#;
        assert_eq!(of(&[&questions[0], &questions[1]]), two);
    }

    /// Answers to questions 5, 6 and 7, by place.
    fn values(text: &str) -> (Vec<Option<Answer<u64>>>, bool) {
        let matched = matched::<u64>(text.as_bytes(), 5, 3).unwrap();
        assert_eq!(matched.reason.is_some(), matched.answers.iter().any(Option::is_none), "{text}");
        (matched.answers.into_iter().map(|answer| answer.map(|(answer, _)| answer)).collect(), matched.is_busy)
    }

    #[track_caller]
    fn check_matched(text: &str, expected: [Option<u64>; 3], is_busy: bool) {
        assert_eq!(values(text), (expected.map(|value| value.map(Answer::Value)).into(), is_busy), "{text}");
    }

    #[test]
    fn answers_are_matched_by_id() {
        let all = [Some(1), Some(2), Some(3)];
        check_matched(r#"[{"id":5,"result":1},{"id":6,"result":2},{"id":7,"result":3}]"#, all, false);
        check_matched(r#" [{"id":7,"result":3},{"id":5,"result":1},{"id":"6","result":2}] "#, all, false);
        check_matched(r#"[{"id":7,"result":3}]"#, [None, None, Some(3)], false);
        check_matched("[]", [None; 3], false);
        check_matched(r#"[{"id":5,"result":1},{"id":5,"result":2},{"id":7,"result":3}]"#, [None, None, Some(3)], false);
        check_matched(
            r#"[{"id":4,"result":1},{"id":8,"result":1},{"id":-1,"result":1},{"result":1}]"#,
            [None; 3],
            false,
        );
        check_matched(r#"[{"id":6,"result":"text"}]"#, [None; 3], false);
        let limit = r#"{"code":429,"message":"slow down"}"#;
        let one_busy = format!(r#"[{{"id":5,"result":1}},{{"id":6,"error":{limit}}},{{"id":7,"result":3}}]"#);
        check_matched(&one_busy, [Some(1), None, Some(3)], true);
        check_matched(&format!(r#"{{"id":null,"error":{limit}}}"#), [None; 3], true);
        check_matched(r#"{"error":{"code":-32600,"message":"no batches"}}"#, [None; 3], false);
        check_matched(r#"[{"error":{"code":-32600,"message":"no batches"}}]"#, [None; 3], false);
    }

    #[track_caller]
    fn check_one(text: &str, expected: Option<&Answer<u64>>) {
        let matched = matched::<u64>(text.as_bytes(), 5, 1).unwrap();
        assert_eq!(matched.answers[0].as_ref().map(|(answer, _)| answer), expected, "{text}");
    }

    #[test]
    fn one_question_has_one_answer() {
        let (one, refused) = (Answer::Value(1), Answer::Refused("error 0: \"no\"".to_owned()));
        check_one(r#"{"jsonrpc":"2.0","id":5,"result":1}"#, Some(&one));
        check_one(r#" {"result":1,"more":{},"error":null,"id":5} "#, Some(&one));
        check_one(r#"{"id":"5","result":1}"#, Some(&one));
        check_one(r#"[{"id":5,"result":1}]"#, Some(&one));
        check_one(r#"{"id":5,"result":null}"#, Some(&Answer::Unknown));
        check_one(r#"{"id":5,"result":1,"error":{"message":"no"}}"#, Some(&refused));
        check_one(r#"{"id":6,"result":1}"#, None);
        check_one(r#"{"result":1}"#, None);
        check_one(r#"{"id":5,"result":"text"}"#, None);
    }

    #[test]
    fn null_is_nothing_and_an_error_is_an_answer() {
        let text = r#"[{"id":5,"result":null},{"id":6,"error":{"code":3,"message":"execution reverted"}},
            {"id":7,"error":"no object"}]"#;
        let refused = Answer::Refused("error 0: \"\"no object\"\"".to_owned());
        assert_eq!(values(text), (vec![Some(Answer::Unknown), Some(Answer::Reverted), Some(refused)], false));
        let one = matched::<u64>(br#"{"id":null,"error":{"code":-32601,"message":"no such method"}}"#, 5, 1).unwrap();
        let refused = Answer::Refused("error -32601: \"no such method\"".to_owned());
        assert_eq!(one.answers, [Some((refused, 42))]);
    }

    #[test]
    fn answers_that_nobody_asked_for_have_a_bound() {
        let stray = |n_stray: usize| {
            let strays = "{},".repeat(n_stray);
            format!(r#"[{strays}{{"id":5,"result":1}},{{"id":6,"result":2}},{{"id":7,"result":3}}]"#)
        };
        check_matched(&stray(MAX_STRAY), [Some(1), Some(2), Some(3)], false);
        let refused = |text: &str| matched::<u64>(text.as_bytes(), 5, 3).unwrap_err();
        let many = "more than 19 answers came to 3 questions";
        assert_eq!(refused(&stray(MAX_STRAY + 1)), many);
        assert_eq!(refused(&stray(100_000)), many);
        // What is not kept is read all the same.
        assert_eq!(list(&stray(100_000), 3).unwrap().len(), 3 + MAX_STRAY + 1);
        assert!(refused(&stray(100_000).replace(']', "")).starts_with("the answer is no JSON-RPC: \"[{},{},"));
    }

    #[test]
    fn what_is_no_json_rpc_is_quoted_in_part() {
        for (text, expected) in [
            ("<html>\n\u{1b}[31m", "the answer is no JSON-RPC: \"<html>  [31m\""),
            ("", "the answer is no JSON-RPC: \"\""),
            ("[1]", "the answer is no JSON-RPC: \"[1]\""),
            ("\"text\"", "the answer is no JSON-RPC: \"\"text\"\""),
        ] {
            assert_eq!(matched::<u64>(text.as_bytes(), 1, 1).unwrap_err(), expected);
        }
        let long = matched::<u64>("é".repeat(1_000).as_bytes(), 1, 1).unwrap_err();
        assert_eq!(long, format!("the answer is no JSON-RPC: \"{}…\"", "é".repeat(200)));
        assert_eq!(matched::<u64>(b"\xff", 1, 1).unwrap_err(), "the answer is not UTF-8");
    }
}

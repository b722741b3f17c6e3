//! What the fuzz target for replies calls.

use super::backoff::{requested_pause, retry_after};
use super::classify::{Classification, classify};
use super::http::{BodyState, Reply};
use crate::model::block::Block;
use jiff::Timestamp;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// Classifies a reply as the client does, with and without a proxy, for a gate and for other events. Returns the texts that
/// people may see, and the blocks.
#[must_use]
pub fn reply(status: u16, header_lines: &[u8], body: &[u8], now: Timestamp) -> (Vec<String>, Vec<Block>) {
    let mut headers = HeaderMap::new();
    for line in header_lines.split(|byte| *byte == b'\n') {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else { continue };
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    let (mut texts, mut blocks) = (Vec::new(), Vec::new());
    for body_state in [BodyState::Complete, BodyState::Truncated, BodyState::TooLarge] {
        let reply = Reply::for_fuzzing(status, headers.clone(), body, body_state);
        let pause = retry_after(|name| reply.header(name), now);
        let _ = requested_pause(status, |name| reply.header(name), now);
        for (proxied, is_gate) in [(false, false), (false, true), (true, false), (true, true)] {
            match classify(&reply, proxied, is_gate) {
                Classification::Recorded(receipt) => {
                    let ids =
                        [receipt.id, receipt.event_id, receipt.version_id, receipt.product_id, receipt.environment_id];
                    texts.extend(ids.into_iter().flatten().map(|id| id.to_string()));
                    assert!((200..300).contains(&status), "{status} was taken for a success");
                }
                Classification::Blocked(mut block) => {
                    block.retry_after_header = pause.and_then(|pause| now.checked_add(pause).ok());
                    blocks.push(*block);
                }
                Classification::Rejected(rejection) => {
                    texts.extend(rejection.message.into_iter().chain(rejection.location).map(|text| text.to_string()));
                    texts
                        .extend(rejection.fields.into_iter().flat_map(|(one, two)| [one.to_string(), two.to_string()]));
                    assert!((300..500).contains(&status), "{status} was taken for a rejection");
                }
                Classification::Unavailable(_) => {
                    assert!(!matches!(status, 423 | 428), "a block was taken for an unavailable API");
                }
            }
        }
    }
    (texts, blocks)
}

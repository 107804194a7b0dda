//! What a librdkafka error asks the caller to do.

use rdkafka::error::{KafkaError, RDKafkaError};
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::runtime::ports::{SinkError, SourceError};

/// Codes that no retry heals: a permission or a credential is missing.
fn is_refusal(code: Code) -> bool {
    use Code::*;
    matches!(
        code,
        Authentication
            | SaslAuthenticationFailed
            | SecurityDisabled
            | TopicAuthorizationFailed
            | GroupAuthorizationFailed
            | ClusterAuthorizationFailed
            | TransactionalIdAuthorizationFailed
            | UnsupportedSASLMechanism
            | IllegalSASLState
    )
}

/// What a failed read asks for. `fatal`: librdkafka said that this client is of no use any more.
pub(super) fn of_read(code: Code, fatal: bool, what: &str) -> SourceError {
    let text = format!("{what}: {code} ({code:?})");
    match code {
        Code::FencedInstanceId => SourceError::Twin(text),
        Code::AutoOffsetReset | Code::OffsetOutOfRange => SourceError::OutOfRange(text),
        _ if fatal || is_refusal(code) => SourceError::Fatal(text),
        _ => SourceError::Retry(text),
    }
}

/// The same for an error of the client library's wrapper.
pub(super) fn of_client(error: &KafkaError, what: &str) -> SourceError {
    let fatal = matches!(error, KafkaError::MessageConsumptionFatal(_));
    match error.rdkafka_error_code() {
        Some(code) => of_read(code, fatal, what),
        None => SourceError::Retry(format!("{what}: {error}")),
    }
}

/// The phase of a transaction in which something failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Init,
    Begin,
    Send,
    Offsets,
    End,
    Abort,
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Phase::Init => "init_transactions",
            Phase::Begin => "begin_transaction",
            Phase::Send => "produce",
            Phase::Offsets => "send_offsets_to_transaction",
            Phase::End => "commit_transaction",
            Phase::Abort => "abort_transaction",
        }
    }
}

/// What librdkafka says about an error beside its code.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub fatal: bool,
    pub requires_abort: bool,
}

/// What a failed write asks for.
pub(super) fn of_write(code: Code, flags: Flags, phase: Phase, detail: &str) -> SinkError {
    let text = format!("{}: {detail} ({code:?})", phase.as_str());
    match code {
        Code::Fenced | Code::ProducerFenced | Code::InvalidProducerEpoch => SinkError::Fenced(text),
        Code::IllegalGeneration if phase == Phase::Offsets && !flags.fatal => SinkError::Regrouped(text),
        // the group has moved on without us: this batch belongs to another by now
        Code::FencedInstanceId | Code::UnknownMemberId | Code::IllegalGeneration => SinkError::Fenced(text),
        _ if is_refusal(code) => SinkError::Fatal(text),
        Code::UnknownTopicOrPartition | Code::UnknownTopic | Code::UnknownPartition | Code::MessageSizeTooLarge
            if phase == Phase::Send =>
        {
            SinkError::Fatal(text)
        }
        Code::InvalidTransactionTimeout => SinkError::Fatal(format!("{text}: raise transaction.max.timeout.ms")),
        _ if flags.fatal => SinkError::Unknown(text),
        _ if flags.requires_abort || phase == Phase::Send => SinkError::Abort(text),
        // a request that timed out may still arrive: no further call on this producer can be trusted
        _ => SinkError::Unknown(text),
    }
}

/// The same for the outcome of a transactional call.
pub(super) fn of_transaction(error: &KafkaError, phase: Phase) -> SinkError {
    match error {
        KafkaError::Transaction(error) => of_write(error.code(), flags(error), phase, &error.string()),
        other => {
            let code = other.rdkafka_error_code().unwrap_or(Code::Fail);
            of_write(code, Flags::default(), phase, &other.to_string())
        }
    }
}

fn flags(error: &RDKafkaError) -> Flags {
    Flags { fatal: error.is_fatal(), requires_abort: error.txn_requires_abort() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads() {
        let check = |code, fatal, expected: &str| {
            let found = format!("{:?}", of_read(code, fatal, "poll"));
            assert!(found.starts_with(expected), "{code:?}: {found}");
        };
        check(Code::FencedInstanceId, true, "Twin");
        check(Code::AutoOffsetReset, false, "OutOfRange");
        check(Code::NotCoordinator, false, "Retry");
        check(Code::UnstableOffsetCommit, false, "Retry");
        check(Code::TopicAuthorizationFailed, false, "Fatal");
        check(Code::Fatal, true, "Fatal");
    }

    #[test]
    fn writes() {
        const FATAL: Flags = Flags { fatal: true, requires_abort: false };
        const ABORT: Flags = Flags { fatal: false, requires_abort: true };
        const NONE: Flags = Flags { fatal: false, requires_abort: false };
        let check = |code, flags, phase, expected: &str| {
            let found = format!("{:?}", of_write(code, flags, phase, "x"));
            assert!(found.starts_with(expected), "{code:?} {phase:?}: {found}");
        };
        check(Code::Fenced, FATAL, Phase::End, "Fenced");
        check(Code::IllegalGeneration, ABORT, Phase::Offsets, "Regrouped");
        check(Code::IllegalGeneration, FATAL, Phase::Offsets, "Fenced");
        check(Code::UnknownMemberId, ABORT, Phase::Offsets, "Fenced");
        check(Code::OperationTimedOut, NONE, Phase::End, "Unknown");
        check(Code::OperationTimedOut, ABORT, Phase::Offsets, "Abort");
        check(Code::MessageTimedOut, NONE, Phase::Send, "Abort");
        check(Code::MessageSizeTooLarge, NONE, Phase::Send, "Fatal");
        check(Code::TransactionalIdAuthorizationFailed, FATAL, Phase::Init, "Fatal");
        check(Code::State, NONE, Phase::Begin, "Unknown");
    }
}

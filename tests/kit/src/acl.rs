//! Permissions, given as an operator would with `kafka-acls`.

use std::ffi::{CStr, CString};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::bindings as rd;
use rdkafka::consumer::{BaseConsumer, Consumer};

const WITHIN: Duration = Duration::from_secs(10);

/// Carries out what a line of `kafka-acls` asks for; knows the options that our own program names.
///
/// # Panics
/// On a line that it does not understand or the broker refuses.
pub fn apply(bootstrap_servers: &str, command: &str) {
    use rd::rd_kafka_AclOperation_t::*;
    use rd::rd_kafka_ResourcePatternType_t::*;
    use rd::rd_kafka_ResourceType_t::*;
    let words: Vec<&str> = command.split_whitespace().collect();
    let option = |name: &str| words.iter().position(|word| *word == name).map(|at| words[at + 1]);
    let operation = match option("--operation").expect("an operation") {
        "Read" => RD_KAFKA_ACL_OPERATION_READ,
        "Write" => RD_KAFKA_ACL_OPERATION_WRITE,
        "Describe" => RD_KAFKA_ACL_OPERATION_DESCRIBE,
        "DescribeConfigs" => RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS,
        other => panic!("{other}: {command}"),
    };
    let resources = [
        ("--topic", RD_KAFKA_RESOURCE_TOPIC),
        ("--group", RD_KAFKA_RESOURCE_GROUP),
        ("--transactional-id", RD_KAFKA_RESOURCE_TRANSACTIONAL_ID),
    ];
    let resource = resources.into_iter().find_map(|(name, kind)| Some((kind, option(name)?)));
    let (kind, name) = resource.expect("a resource");
    let pattern = match option("--resource-pattern-type") {
        Some("prefixed") => RD_KAFKA_RESOURCE_PATTERN_PREFIXED,
        _ => RD_KAFKA_RESOURCE_PATTERN_LITERAL,
    };
    let principal = option("--allow-principal").expect("a principal");
    create(bootstrap_servers, kind, name, pattern, principal, operation);
}

fn create(
    bootstrap_servers: &str,
    kind: rd::rd_kafka_ResourceType_t,
    name: &str,
    pattern: rd::rd_kafka_ResourcePatternType_t,
    principal: &str,
    operation: rd::rd_kafka_AclOperation_t,
) {
    let client: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", bootstrap_servers).create().expect("a plain client");
    let text = |text: &str| CString::new(text).expect("a name without zero bytes");
    let (name, principal, host) = (text(name), text(principal), text("*"));
    let allow = rd::rd_kafka_AclPermissionType_t::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW;
    // SAFETY: all pointers are alive during the calls; each object is destroyed once, before its client
    unsafe {
        let mut reason = [0; 256];
        let binding = rd::rd_kafka_AclBinding_new(
            kind,
            name.as_ptr(),
            pattern,
            principal.as_ptr(),
            host.as_ptr(),
            operation,
            allow,
            reason.as_mut_ptr(),
            reason.len(),
        );
        assert!(!binding.is_null(), "{}", CStr::from_ptr(reason.as_ptr()).to_string_lossy());
        let native = client.client().native_ptr();
        let queue = rd::rd_kafka_queue_new(native);
        rd::rd_kafka_CreateAcls(native, [binding].as_mut_ptr(), 1, std::ptr::null(), queue);
        let event = rd::rd_kafka_queue_poll(queue, WITHIN.as_millis() as i32);
        assert!(!event.is_null(), "the broker answers");
        let failed = CStr::from_ptr(rd::rd_kafka_event_error_string(event)).to_string_lossy().into_owned();
        assert_eq!(rd::rd_kafka_event_error(event), rd::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR, "{failed}");
        let mut count = 0;
        let all = rd::rd_kafka_CreateAcls_result_acls(rd::rd_kafka_event_CreateAcls_result(event), &mut count);
        assert_eq!(count, 1);
        let error = rd::rd_kafka_acl_result_error(*all);
        assert!(error.is_null(), "{}", CStr::from_ptr(rd::rd_kafka_error_string(error)).to_string_lossy());
        rd::rd_kafka_event_destroy(event);
        rd::rd_kafka_queue_destroy(queue);
        rd::rd_kafka_AclBinding_destroy(binding);
    }
}

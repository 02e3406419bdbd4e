// Admin messages as JSON documents, for kvplacectl and the status page; names
// are those of admin.proto, enums are words, what is absent is null.
// Thread-safety: pure functions.
#ifndef KVPLACE_SERVER_CONVERT_ADMIN_JSON_H_
#define KVPLACE_SERVER_CONVERT_ADMIN_JSON_H_

#include <nlohmann/json.hpp>
#include <string>

#include "kvplace/v1/admin.pb.h"

namespace kvplace {

using OrderedJson = nlohmann::ordered_json;

OrderedJson ToJson(const v1::NodeStatus& node);
OrderedJson ToJson(const v1::SessionStatus& session);
OrderedJson ToJson(const v1::SequenceStatus& sequence);
OrderedJson ToJson(const v1::PolicySettings& settings);
OrderedJson ToJson(const v1::RankedDevice& device);

// "act", "advise", "observe".
std::string ModeName(v1::Mode mode);

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CONVERT_ADMIN_JSON_H_

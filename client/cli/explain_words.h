// Why a block moved or not, in a sentence for people.
//
// Thread-safety: pure functions.
#ifndef KVPLACE_CLIENT_CLI_EXPLAIN_WORDS_H_
#define KVPLACE_CLIENT_CLI_EXPLAIN_WORDS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "server/replay/block_story.h"

namespace kvplace {

// "missed, promoted: worth 1.83x what it must be". `policy` planned.
std::string Words(const BlockMoment& moment, absl::string_view policy);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_EXPLAIN_WORDS_H_

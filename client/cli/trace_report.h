// What `kvplacectl trace info` prints.
#ifndef KVPLACE_CLIENT_CLI_TRACE_REPORT_H_
#define KVPLACE_CLIENT_CLI_TRACE_REPORT_H_

#include <ostream>

#include "server/trace/trace_info.h"

namespace kvplace {

// One JSON document, schema "kvplace.trace_info/1". Byte counts are exact.
void PrintJson(const TraceInfo& info, std::ostream& out);
// For people.
void PrintTable(const TraceInfo& info, std::ostream& out);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_TRACE_REPORT_H_

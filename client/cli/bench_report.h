// What `kvplacectl bench` prints.
#ifndef KVPLACE_CLIENT_CLI_BENCH_REPORT_H_
#define KVPLACE_CLIENT_CLI_BENCH_REPORT_H_

#include <map>
#include <ostream>
#include <string>

#include "client/load/load_options.h"
#include "client/load/load_run.h"

namespace kvplace {

// The words of --encoding.
const std::map<std::string, load::ReadEncoding>& EncodingNames();

// A table of the phases.
void PrintLoadText(const load::LoadOptions& options,
                   const load::LoadResult& result, std::ostream& out);
// One document, kvplace.load/1.
void PrintLoadJson(const load::LoadOptions& options,
                   const load::LoadResult& result, std::ostream& out);

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_BENCH_REPORT_H_

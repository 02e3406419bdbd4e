// Numbers of the .kvtrace file format; the layout is told in
// proto/kvplace/v1/trace.proto and docs/trace_format.md.
#ifndef KVPLACE_SERVER_TRACE_KVTRACE_FORMAT_H_
#define KVPLACE_SERVER_TRACE_KVTRACE_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace kvplace {

// Version of the file layout, and of the records (TraceHeader.format_version).
inline constexpr uint32_t kTraceFormatVersion = 1;

// What every file begins with: a zstd skippable frame of 12 bytes, so that
// `zstd -dc` passes over it. Magic number, size, name, version; little-endian.
inline constexpr std::string_view kTracePrologue{
    "\x5b\x2a\x4d\x18"
    "\x0c\x00\x00\x00"
    "kvtrace\0"
    "\x01\x00\x00\x00",
    20};

// A frame is closed when it holds so many bytes of records ...
inline constexpr size_t kTraceFrameBytes = size_t{1} << 20;
// ... and none may hold more than this, so that a reader's memory is bounded.
inline constexpr size_t kTraceMaxFrameBytes = size_t{64} << 20;

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_KVTRACE_FORMAT_H_

// Owning pointers for zstd's contexts, and the bytes its frames begin with.
#ifndef KVPLACE_SERVER_TRACE_ZSTD_HANDLES_H_
#define KVPLACE_SERVER_TRACE_ZSTD_HANDLES_H_

#include <zstd.h>

#include <memory>

namespace kvplace {

struct ZstdDeleter {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

inline constexpr char kZstdMagic[4] = {'\x28', '\xb5', '\x2f', '\xfd'};

using ZstdCompressor = std::unique_ptr<ZSTD_CCtx, ZstdDeleter>;
using ZstdDecompressor = std::unique_ptr<ZSTD_DCtx, ZstdDeleter>;

}  // namespace kvplace

#endif  // KVPLACE_SERVER_TRACE_ZSTD_HANDLES_H_

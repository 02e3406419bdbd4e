// Small vectors as gcc and clang have them, which become what the machine has,
// whatever it is (minima and maxima of plain floats become branches).
#ifndef KVPLACE_SERVER_CORE_VALUE_LANES_H_
#define KVPLACE_SERVER_CORE_VALUE_LANES_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace kvplace {

inline constexpr size_t kLanes = 4;
using Ints = int32_t __attribute__((vector_size(4 * kLanes)));
using Floats = float __attribute__((vector_size(4 * kLanes)));

inline Ints All(int32_t x) { return Ints{} + x; }
inline Floats All(float x) { return Floats{} + x; }
inline Floats Max(Floats a, Floats b) { return a > b ? a : b; }
inline Floats Min(Floats a, Floats b) { return a < b ? a : b; }
inline Floats ToFloats(Ints x) { return __builtin_convertvector(x, Floats); }
// Towards zero.
inline Ints ToInts(Floats x) { return __builtin_convertvector(x, Ints); }

// At any address.
inline Floats Load(const float* from) {
  Floats x;
  std::memcpy(&x, from, sizeof(x));
  return x;
}
inline void Store(Floats x, float* to) { std::memcpy(to, &x, sizeof(x)); }
inline void Store(Ints x, int32_t* to) { std::memcpy(to, &x, sizeof(x)); }

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_VALUE_LANES_H_

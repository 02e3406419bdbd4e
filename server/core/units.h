// Quantities as types: bytes, bytes per second, seconds.
//
// Bytes are whole; their sums stay exact up to 2^62 (limits are checked where
// numbers enter, see topology.h). Thread-safety: values.
#ifndef KVPLACE_SERVER_CORE_UNITS_H_
#define KVPLACE_SERVER_CORE_UNITS_H_

#include <compare>
#include <cstdint>

namespace kvplace {

class Bytes {
 public:
  constexpr Bytes() = default;
  constexpr explicit Bytes(int64_t count) : count_(count) {}

  constexpr int64_t count() const { return count_; }
  friend constexpr auto operator<=>(Bytes, Bytes) = default;

  constexpr Bytes& operator+=(Bytes o) {
    count_ += o.count_;
    return *this;
  }
  constexpr Bytes& operator-=(Bytes o) {
    count_ -= o.count_;
    return *this;
  }
  friend constexpr Bytes operator+(Bytes a, Bytes b) { return a += b; }
  friend constexpr Bytes operator-(Bytes a, Bytes b) { return a -= b; }
  friend constexpr Bytes operator*(Bytes a, int64_t n) {
    return Bytes(a.count_ * n);
  }
  // How many whole `b` fit into `a`.
  friend constexpr int64_t operator/(Bytes a, Bytes b) {
    return a.count_ / b.count_;
  }

 private:
  int64_t count_ = 0;
};

class Seconds {
 public:
  constexpr Seconds() = default;
  constexpr explicit Seconds(double value) : value_(value) {}

  constexpr double value() const { return value_; }
  friend constexpr auto operator<=>(Seconds, Seconds) = default;

  constexpr Seconds& operator+=(Seconds o) {
    value_ += o.value_;
    return *this;
  }

 private:
  double value_ = 0;
};

// 1 GB/s = 1e9 bytes per second. May be infinite where a link is not modelled.
class BytesPerSecond {
 public:
  constexpr BytesPerSecond() = default;
  constexpr explicit BytesPerSecond(double value) : value_(value) {}

  constexpr double value() const { return value_; }
  friend constexpr auto operator<=>(BytesPerSecond, BytesPerSecond) = default;
  friend constexpr BytesPerSecond operator+(BytesPerSecond a,
                                            BytesPerSecond b) {
    return BytesPerSecond(a.value_ + b.value_);
  }

 private:
  double value_ = 0;
};

constexpr BytesPerSecond GigabytesPerSecond(double gb) {
  return BytesPerSecond(gb * 1e9);
}

constexpr Seconds operator/(Bytes bytes, BytesPerSecond bandwidth) {
  return Seconds(static_cast<double>(bytes.count()) / bandwidth.value());
}

}  // namespace kvplace

#endif  // KVPLACE_SERVER_CORE_UNITS_H_

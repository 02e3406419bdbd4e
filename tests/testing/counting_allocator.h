// Counts what a test's process allocates.
//
// Linking this library replaces every form of the global operator new and
// delete (plain, array, sized, nothrow); a program that leaves one of them out
// mixes two allocators. Over-aligned forms are the C++ library's own and are
// not counted. Thread-safe.
#ifndef KVPLACE_TESTS_TESTING_COUNTING_ALLOCATOR_H_
#define KVPLACE_TESTS_TESTING_COUNTING_ALLOCATOR_H_

#include <cstdint>

namespace kvplace {

// Calls of operator new since the process began.
int64_t AllocationCount();

// Bytes in use now, at the sizes that malloc really gave.
int64_t AllocatedBytes();

}  // namespace kvplace

#endif  // KVPLACE_TESTS_TESTING_COUNTING_ALLOCATOR_H_

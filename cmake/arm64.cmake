# For aarch64 from another machine: Debian's compiler that crosses, its libraries for arm64 as
# tools/arm64-sysroot has unpacked them, and qemu to run what was built. tools/test-arm64 uses it all.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)

get_filename_component(ARM64_SYSROOT ${CMAKE_CURRENT_LIST_DIR}/../build/arm64-sysroot ABSOLUTE)
set(libraries ${ARM64_SYSROOT}/usr/lib/aarch64-linux-gnu)
set(CMAKE_SYSROOT ${ARM64_SYSROOT})
set(CMAKE_FIND_ROOT_PATH ${ARM64_SYSROOT})
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_LIBRARY_ARCHITECTURE aarch64-linux-gnu)
# Libraries that libraries need, of which some are not where Debian's linker looks by itself.
set(CMAKE_EXE_LINKER_FLAGS_INIT
  "-Wl,-rpath-link,${libraries}:${libraries}/pulseaudio:${libraries}/blas:${libraries}/lapack")
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${ARM64_SYSROOT})
set(ENV{PKG_CONFIG_LIBDIR} ${libraries}/pkgconfig:${ARM64_SYSROOT}/usr/share/pkgconfig)

# Which processor qemu is, tests are told by QEMU_CPU.
set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64-static;-L;${ARM64_SYSROOT})

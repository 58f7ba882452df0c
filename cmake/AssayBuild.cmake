# Flags, and the functions every folder's CMakeLists.txt uses.
include_guard()
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "" FORCE)
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

add_library(assay_flags INTERFACE)
target_compile_features(assay_flags INTERFACE c_std_17)
target_include_directories(assay_flags INTERFACE "${PROJECT_SOURCE_DIR}")
target_compile_definitions(assay_flags INTERFACE _GNU_SOURCE
    "$<$<BOOL:${ASSAY_OWNER_CHECKS}>:ASSAY_OWNER_CHECKS=1>")
# Contraction off: a*b+c must give the same bits on every CPU (see docs/design.md).
target_compile_options(assay_flags INTERFACE
    -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion -Wdouble-promotion
    -Wformat=2 -Wundef -Wvla -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wcast-qual -Wcast-align -Wwrite-strings -Wpointer-arith -Wnull-dereference -Wswitch-enum
    -fno-common -ffp-contract=off -fno-math-errno -fno-strict-overflow -fstack-protector-strong)
# gcc's flow warnings misfire on instrumented code; the plain builds keep them.
if(ASSAY_SANITIZE)
    target_compile_options(assay_flags INTERFACE -fsanitize=${ASSAY_SANITIZE}
        -fno-omit-frame-pointer -fno-sanitize-recover=all -Wno-null-dereference -Wno-maybe-uninitialized)
    target_link_options(assay_flags INTERFACE -fsanitize=${ASSAY_SANITIZE})
endif()
if(ASSAY_COVERAGE)
    target_compile_options(assay_flags INTERFACE --coverage)
    target_link_options(assay_flags INTERFACE --coverage)
endif()

# Programs whose libraries allocate from several threads: librdkafka hands every message over.
function(assay_use_jemalloc NAME)
    if(ASSAY_WITH_JEMALLOC)
        pkg_check_modules(JEMALLOC REQUIRED IMPORTED_TARGET GLOBAL jemalloc)
        # Nothing refers to it by name: malloc is what it replaces.
        target_link_libraries(${NAME} PRIVATE -Wl,--no-as-needed PkgConfig::JEMALLOC -Wl,--as-needed)
        target_sources(${NAME} PRIVATE ${PROJECT_SOURCE_DIR}/engine/base/jemalloc_conf.c)
    endif()
endfunction()

# assay_library(NAME SOURCES a.c b.c [DEPS assay_base ...] [PKG libxxhash ...] [LINK m ...])
function(assay_library NAME)
    cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PKG;LINK" ${ARGN})
    add_library(${NAME} STATIC ${ARG_SOURCES})
    target_link_libraries(${NAME} PUBLIC assay_flags ${ARG_DEPS} ${ARG_LINK})
    foreach(pkg IN LISTS ARG_PKG)
        string(MAKE_C_IDENTIFIER "PKG_${pkg}" var)
        pkg_check_modules(${var} REQUIRED IMPORTED_TARGET GLOBAL ${pkg})
        target_link_libraries(${NAME} PUBLIC PkgConfig::${var})
    endforeach()
endfunction()

# assay_test(unit.features.decode SOURCES test_decode.c DEPS assay_features [TIMEOUT s])
# The name's parts before the last are its labels.
function(assay_test NAME)
    cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;DEPS" ${ARGN})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 60)
    endif()
    pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET GLOBAL cmocka)
    add_executable(${NAME} ${ARG_SOURCES})
    target_link_libraries(${NAME} PRIVATE ${ARG_DEPS} PkgConfig::CMOCKA)
    add_test(NAME ${NAME} COMMAND ${NAME} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    string(REPLACE "." ";" labels ${NAME})
    list(POP_BACK labels)
    set_tests_properties(${NAME} PROPERTIES LABELS "${labels}" TIMEOUT ${ARG_TIMEOUT})
endfunction()

# A test whose threads are librdkafka's too: what ThreadSanitizer needs to see them.
function(assay_test_with_kafka NAME)
    if(ASSAY_SANITIZE MATCHES "thread")
        target_sources(${NAME} PRIVATE "${PROJECT_SOURCE_DIR}/tests/support/tsan_threads.c")
        set_tests_properties(${NAME} PROPERTIES ENVIRONMENT
            "TSAN_OPTIONS=suppressions=${PROJECT_SOURCE_DIR}/tests/support/tsan.supp")
    endif()
endfunction()

# assay_pytest(e2e.predict tests/e2e/test_predict.py [TIMEOUT s])
# Runs with the Python of scripts/setup; ASSAY_BIN and ASSAY_TOOLS name what was built.
function(assay_pytest NAME FILE)
    cmake_parse_arguments(ARG "" "TIMEOUT" "" ${ARGN})
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    add_test(NAME ${NAME}
             COMMAND "${PROJECT_SOURCE_DIR}/build/deps/python/bin/python" -m pytest -q -p no:cacheprovider
                     "${FILE}"
             WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    string(REPLACE "." ";" labels ${NAME})
    list(POP_BACK labels)
    set_tests_properties(${NAME} PROPERTIES LABELS "${labels}" TIMEOUT ${ARG_TIMEOUT}
        ENVIRONMENT "ASSAY_BIN=$<TARGET_FILE:assay>;ASSAY_TOOLS=${CMAKE_BINARY_DIR}/bin;PYTHONDONTWRITEBYTECODE=1")
endfunction()

# assay_bench(bench_decode SOURCES bench_decode.c DEPS assay_features [PKG jansson])
function(assay_bench NAME)
    cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;PKG" ${ARGN})
    add_executable(${NAME} ${ARG_SOURCES})
    target_link_libraries(${NAME} PRIVATE ${ARG_DEPS} m)
    foreach(pkg IN LISTS ARG_PKG)
        string(MAKE_C_IDENTIFIER "PKG_${pkg}" var)
        pkg_check_modules(${var} REQUIRED IMPORTED_TARGET GLOBAL ${pkg})
        target_link_libraries(${NAME} PRIVATE PkgConfig::${var})
    endforeach()
endfunction()

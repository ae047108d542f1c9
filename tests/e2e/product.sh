# SPDX-License-Identifier: EPL-2.0
# Finds and starts the built product; sourced by the scripts beside it. $ROOT is the project's folder.

PRODUCT=$ROOT/product/target/products/org.snapback.ide/linux/gtk/x86_64/snapback-ide

# Prints the one file of a bundle in the product: bundle NAME.
bundle() {
  local found
  found=$(find "$PRODUCT/plugins" -maxdepth 1 -name "$1_*" | head -n 1)
  [ -n "$found" ] || {
    echo "$1 is not in $PRODUCT: run ./dev build first" >&2
    return 1
  }
  echo "$found"
}

# The workbench of the product, in the Debug perspective: start_product WORKSPACE CONFIGURATION [JVM-OPTION…]
# The array LIMIT, when it is set, is a command to run it by.
LIMIT=()
start_product() {
  local workspace=$1 configuration=$2
  shift 2
  "${LIMIT[@]}" "${JAVA_HOME:+$JAVA_HOME/bin/}java" -Xmx1g "$@" \
    -jar "$(bundle org.eclipse.equinox.launcher)" -nosplash -consoleLog \
    -configuration "$configuration" -data "$workspace" \
    -perspective org.eclipse.debug.ui.DebugPerspective
}

// SPDX-License-Identifier: EPL-2.0
@NonNullByDefault
package org.snapback.core.terminal;

import org.eclipse.jdt.annotation.NonNullByDefault;

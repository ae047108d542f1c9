// SPDX-License-Identifier: EPL-2.0
@NonNullByDefault
package org.snapback.api;

import org.eclipse.jdt.annotation.NonNullByDefault;
